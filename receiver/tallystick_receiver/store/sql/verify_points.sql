-- Points against quarters and the deltas that wait for them, per organisation, dimensions and quarter.
-- $1/$2 window in UTC days, $3 organisation or null, $4 differences at most.
-- Index: usage_point_ts, usage_quarter_hourly_pk, usage_dims_kept_pk.
WITH by_series AS (
    SELECT t.org_id, t.series_id, date_bin('15 minutes', t.ts, 'epoch'::timestamptz) AS at,
           coalesce(sum(t.mantissa) FILTER (WHERE t.exponent = 0), 0)
               + coalesce(sum(usage_quantity(t.mantissa, t.exponent)) FILTER (WHERE t.exponent <> 0), 0) AS quantity,
           count(*) AS points
    FROM usage_point t
    WHERE t.ts >= $1 AND t.ts < $2 AND ($3::bigint IS NULL OR t.org_id = $3)
    GROUP BY 1, 2, 3
), counted AS (
    SELECT b.org_id, coalesce(k.kept_id, s.dims_id) AS dims_id, b.at, sum(b.quantity) AS quantity, sum(b.points) AS points
    FROM by_series b
    LEFT JOIN usage_series s ON s.org_id = b.org_id AND s.series_id = b.series_id
    LEFT JOIN LATERAL (
        SELECT kept_id FROM usage_dims_kept
        WHERE org_id = s.org_id AND dims_id = s.dims_id AND starts <= b.at
        ORDER BY starts DESC LIMIT 1
    ) AS k ON true
    GROUP BY 1, 2, 3
), part AS (
    SELECT u.org_id, u.dims_id, u.quarter AS at, u.quantity, u.points
    FROM usage_org o
    JOIN usage_quarter_hourly u ON u.org_id = o.org_id AND u.quarter >= $1 AND u.quarter < $2
    WHERE $3::bigint IS NULL OR o.org_id = $3
    UNION ALL
    SELECT t.org_id, e.dims_id, t.quarter, usage_quantity(e.mantissa, e.exponent), coalesce(e.points, 1)
    FROM usage_delta t, unnest(t.dims_ids, t.mantissas, t.exponents, t.points) AS e (dims_id, mantissa, exponent, points)
    WHERE t.quarter >= $1 AND t.quarter < $2 AND ($3::bigint IS NULL OR t.org_id = $3)
), kept AS (
    SELECT org_id, dims_id, at, sum(quantity) AS quantity, sum(points) AS points
    FROM part
    GROUP BY 1, 2, 3
), d AS (
    SELECT org_id, dims_id, at, c.quantity AS left_quantity, c.points AS left_points, k.quantity AS right_quantity,
           k.points AS right_points
    FROM counted c
    FULL JOIN kept k USING (org_id, dims_id, at)
    WHERE (c.quantity, c.points) IS DISTINCT FROM (k.quantity, k.points)
)
SELECT o.name AS org, p.name AS project, m.key AS metric, n.attributes::text AS detail, d.at,
       d.left_quantity::text, d.left_points, d.right_quantity::text, d.right_points, count(*) OVER () AS differences
FROM d
LEFT JOIN usage_org o ON o.org_id = d.org_id
LEFT JOIN usage_dims n ON n.org_id = d.org_id AND n.dims_id = d.dims_id
LEFT JOIN usage_project p ON p.org_id = d.org_id AND p.project_id = n.project_id
LEFT JOIN usage_metric m ON m.metric_id = n.metric_id
ORDER BY d.at, 1, 2, 3
LIMIT $4
