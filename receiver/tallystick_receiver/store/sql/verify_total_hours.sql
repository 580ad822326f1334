-- Quarters of sums against hours without dimensions, per organisation, project, metric and hour.
-- $1/$2 window in UTC days, $3 organisation or null, $4 differences at most.
-- Index: usage_quarter_hourly_pk, usage_total_hourly_pk.
WITH counted AS (
    SELECT u.org_id, x.project_id, x.metric_id, date_bin('1 hour', u.quarter, 'epoch'::timestamptz) AS at,
           sum(u.quantity) AS quantity, sum(u.points) AS points
    FROM usage_org o
    JOIN usage_quarter_hourly u ON u.org_id = o.org_id AND u.quarter >= $1 AND u.quarter < $2 AND u.last_ns IS NULL
    LEFT JOIN usage_dims x ON x.org_id = u.org_id AND x.dims_id = u.dims_id
    WHERE $3::bigint IS NULL OR o.org_id = $3
    GROUP BY 1, 2, 3, 4
), kept AS (
    SELECT u.org_id, u.project_id, u.metric_id, u.hour AS at, u.quantity, u.points
    FROM usage_org o
    JOIN usage_total_hourly u ON u.org_id = o.org_id AND u.hour >= $1 AND u.hour < $2
    WHERE $3::bigint IS NULL OR o.org_id = $3
), d AS (
    SELECT org_id, project_id, metric_id, at, c.quantity AS left_quantity, c.points AS left_points,
           k.quantity AS right_quantity, k.points AS right_points
    FROM counted c
    FULL JOIN kept k USING (org_id, project_id, metric_id, at)
    WHERE (c.quantity, c.points) IS DISTINCT FROM (k.quantity, k.points)
)
SELECT o.name AS org, p.name AS project, m.key AS metric, NULL AS detail, d.at,
       d.left_quantity::text, d.left_points, d.right_quantity::text, d.right_points, count(*) OVER () AS differences
FROM d
LEFT JOIN usage_org o ON o.org_id = d.org_id
LEFT JOIN usage_project p ON p.org_id = d.org_id AND p.project_id = d.project_id
LEFT JOIN usage_metric m ON m.metric_id = d.metric_id
ORDER BY d.at, 1, 2, 3
LIMIT $4
