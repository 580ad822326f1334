-- Quarters from points.
-- $1/$2 window in UTC days, $3 organisation or null. Index: usage_point_ts.
WITH sample AS (
    SELECT s.org_id, date_bin('15 minutes', t.ts, 'epoch'::timestamptz) AS quarter, s.dims_id, m.kind,
           usage_quantity(t.mantissa, t.exponent) AS quantity, usage_end_ns(t.ts, t.end_rest) AS ns
    FROM usage_point t
    JOIN usage_series s ON s.org_id = t.org_id AND s.series_id = t.series_id
    JOIN usage_dims x ON x.org_id = s.org_id AND x.dims_id = s.dims_id
    JOIN usage_metric m ON m.metric_id = x.metric_id
    WHERE t.ts >= $1 AND t.ts < $2 AND ($3::bigint IS NULL OR t.org_id = $3)
)
INSERT INTO usage_quarter_hourly (org_id, quarter, dims_id, quantity, points, lowest, highest, last, last_ns)
SELECT org_id, quarter, dims_id, sum(quantity), count(*), NULL, NULL, NULL, NULL
FROM sample
WHERE kind = 'sum'
GROUP BY 1, 2, 3
UNION ALL
SELECT org_id, quarter, dims_id, sum(quantity), count(*), min(quantity), max(quantity),
       (array_agg(quantity ORDER BY ns DESC, quantity DESC))[1], max(ns)
FROM sample
WHERE kind = 'level'
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3
