-- Days and deltas against the daily continuous aggregate, per organisation, project, metric and day.
-- $1/$2 window in UTC days, $3 organisation or null, $4 differences at most.
-- Index: usage_daily_pk.
WITH part AS (
    SELECT u.org_id, u.dims_id, date_trunc('day', u.day, 'UTC') AS at, u.quantity, u.points
    FROM usage_org o
    JOIN usage_daily u ON u.org_id = o.org_id AND u.day >= $1 AND u.day < $2
    WHERE $3::bigint IS NULL OR o.org_id = $3
    UNION ALL
    SELECT t.org_id, e.dims_id, date_trunc('day', t.quarter, 'UTC'),
           usage_quantity(e.mantissa, e.exponent), coalesce(e.points, 1)
    FROM usage_delta t, unnest(t.dims_ids, t.mantissas, t.exponents, t.points) AS e (dims_id, mantissa, exponent, points)
    WHERE t.quarter >= $1 AND t.quarter < $2 AND ($3::bigint IS NULL OR t.org_id = $3)
), counted AS (
    SELECT u.org_id, x.project_id, x.metric_id, u.at, sum(u.quantity) AS quantity, sum(u.points) AS points
    FROM part u
    LEFT JOIN usage_dims x ON x.org_id = u.org_id AND x.dims_id = u.dims_id
    GROUP BY 1, 2, 3, 4
), kept AS (
    SELECT a.org_id, a.project_id, a.metric_id, a.day AS at, a.quantity, a.points
    FROM usage_daily_aggregate a
    WHERE a.day >= $1 AND a.day < $2 AND ($3::bigint IS NULL OR a.org_id = $3)
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
