-- Quarters against days, per organisation, dimensions and day, levels included.
-- $1/$2 window in UTC days, $3 organisation or null, $4 differences at most.
-- Index: usage_quarter_hourly_pk, usage_daily_pk.
WITH counted AS (
    SELECT u.org_id, u.dims_id, date_trunc('day', u.quarter, 'UTC') AS at, sum(u.quantity) AS quantity,
           sum(u.points) AS points, min(u.lowest) AS lowest, max(u.highest) AS highest,
           CASE WHEN count(u.last_ns) > 0 THEN (array_agg(u.last ORDER BY u.last_ns DESC NULLS LAST, u.last DESC))[1] END AS last,
           max(u.last_ns) AS last_ns
    FROM usage_org o
    JOIN usage_quarter_hourly u ON u.org_id = o.org_id AND u.quarter >= $1 AND u.quarter < $2
    WHERE $3::bigint IS NULL OR o.org_id = $3
    GROUP BY 1, 2, 3
), kept AS (
    SELECT u.org_id, u.dims_id, u.day AS at, u.quantity, u.points, u.lowest, u.highest, u.last, u.last_ns
    FROM usage_org o
    JOIN usage_daily u ON u.org_id = o.org_id AND u.day >= $1 AND u.day < $2
    WHERE $3::bigint IS NULL OR o.org_id = $3
), d AS (
    SELECT org_id, dims_id, at, c.quantity AS left_quantity, c.points AS left_points, k.quantity AS right_quantity,
           k.points AS right_points
    FROM counted c
    FULL JOIN kept k USING (org_id, dims_id, at)
    WHERE (c.quantity, c.points, c.lowest, c.highest, c.last, c.last_ns)
          IS DISTINCT FROM (k.quantity, k.points, k.lowest, k.highest, k.last, k.last_ns)
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
