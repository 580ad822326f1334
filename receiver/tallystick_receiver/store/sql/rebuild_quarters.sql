-- Quarters from points.
-- $1/$2 window in UTC days, $3 organisation or null. Index: usage_point_ts, usage_dims_kept_pk.
WITH series AS MATERIALIZED (
    SELECT s.org_id, s.series_id, s.dims_id, m.kind
    FROM usage_series s
    JOIN usage_dims x ON x.org_id = s.org_id AND x.dims_id = s.dims_id
    JOIN usage_metric m ON m.metric_id = x.metric_id
    WHERE $3::bigint IS NULL OR s.org_id = $3
), by_series AS (
    SELECT t.org_id, t.series_id, date_bin('15 minutes', t.ts, 'epoch'::timestamptz) AS quarter,
           coalesce(sum(t.mantissa) FILTER (WHERE t.exponent = 0), 0)
               + coalesce(sum(usage_quantity(t.mantissa, t.exponent)) FILTER (WHERE t.exponent <> 0), 0) AS quantity,
           count(*) AS points
    FROM usage_point t
    WHERE t.ts >= $1 AND t.ts < $2 AND ($3::bigint IS NULL OR t.org_id = $3)
    GROUP BY 1, 2, 3
), sample AS (
    SELECT s.org_id, date_bin('15 minutes', t.ts, 'epoch'::timestamptz) AS quarter, s.dims_id,
           usage_quantity(t.mantissa, t.exponent) AS quantity, usage_end_ns(t.ts, t.end_rest) AS ns
    FROM usage_point t
    JOIN series s ON s.org_id = t.org_id AND s.series_id = t.series_id AND s.kind = 'level'
    WHERE t.ts >= $1 AND t.ts < $2
), held AS (
    SELECT *, lead(ns) OVER (PARTITION BY org_id, quarter, dims_id ORDER BY ns, quantity) AS next_ns
    FROM sample
)
INSERT INTO usage_quarter_hourly
    (org_id, quarter, dims_id, quantity, points, lowest, highest, last, last_ns, first_ns, integral)
SELECT b.org_id, b.quarter, coalesce(k.kept_id, s.dims_id), sum(b.quantity), sum(b.points), NULL, NULL, NULL, NULL, NULL, NULL
FROM by_series b
JOIN series s ON s.org_id = b.org_id AND s.series_id = b.series_id AND s.kind <> 'level'
LEFT JOIN LATERAL (
    SELECT kept_id FROM usage_dims_kept
    WHERE org_id = s.org_id AND dims_id = s.dims_id AND starts <= b.quarter
    ORDER BY starts DESC LIMIT 1
) AS k ON true
GROUP BY 1, 2, 3
UNION ALL
SELECT org_id, quarter, dims_id, sum(quantity), count(*), min(quantity), max(quantity),
       max(quantity) FILTER (WHERE next_ns IS NULL), max(ns), min(ns), coalesce(sum(quantity * (next_ns - ns)), 0)
FROM held
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3
