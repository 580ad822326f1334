-- Quantities of cost rows, adjustments included, against the quarters, per organisation, line and hour of which nothing
-- waits to be priced. Usage without a row differs where there must be one: of metrics that are always priced, and of
-- others from a rate on that holds in that hour and was known when its month was closed.
-- $1/$2 window in UTC days, $3 organisation or null, $4 differences at most, $5 metrics that are always priced.
-- Index: usage_quarter_hourly_pk, cost_line_pk, usage_cost_pk.
WITH used AS (
    SELECT u.org_id, u.dims_id, date_trunc('hour', u.quarter, 'UTC') AS at, sum(u.quantity) AS quantity
    FROM usage_org o
    JOIN usage_quarter_hourly u ON u.org_id = o.org_id AND u.quarter >= $1 AND u.quarter < $2 AND u.last_ns IS NULL
    WHERE $3::bigint IS NULL OR o.org_id = $3
    GROUP BY 1, 2, 3
    HAVING sum(u.quantity) <> 0
), line AS (
    SELECT u.org_id, u.dims_id, coalesce(l.part, 0::smallint) AS part, u.at, coalesce(l.metric, m.key) AS metric,
           u.quantity * coalesce(l.factor, 1) AS quantity
    FROM used u
    JOIN usage_dims n ON n.org_id = u.org_id AND n.dims_id = u.dims_id
    JOIN usage_metric m ON m.metric_id = n.metric_id
    LEFT JOIN cost_line l ON l.org_id = u.org_id AND l.dims_id = u.dims_id
), priced AS (
    SELECT c.org_id, c.dims_id, c.part, c.hour AS at, sum(c.quantity) AS quantity
    FROM usage_cost c
    WHERE c.hour >= $1 AND c.hour < $2 AND ($3::bigint IS NULL OR c.org_id = $3)
      AND c.org_id IN (SELECT org_id FROM usage_org)
    GROUP BY 1, 2, 3, 4
), unequal AS (
    SELECT org_id, dims_id, part, at, l.metric, l.quantity AS left_quantity, p.quantity AS right_quantity
    FROM line l
    FULL JOIN priced p USING (org_id, dims_id, part, at)
    WHERE coalesce(l.quantity, 0) <> coalesce(p.quantity, 0)
), d AS (
    SELECT u.*
    FROM unequal u
    JOIN usage_org o ON o.org_id = u.org_id
    LEFT JOIN cost_month k ON k.month = date_trunc('month', u.at, 'UTC')
    WHERE NOT EXISTS (SELECT FROM cost_due w WHERE w.org_id = u.org_id AND w.hour = u.at)
      AND (u.right_quantity IS NOT NULL
           OR (NOT EXISTS (SELECT FROM cost_rerate r WHERE r.valid @> u.at)
               AND (u.metric = ANY ($5::text[])
                    OR EXISTS (SELECT FROM rate r
                               WHERE r.metric = u.metric AND r.valid @> u.at AND (r.org IS NULL OR r.org = o.name)
                                 AND r.recorded_at <= coalesce(k.known_at, 'infinity')
                                 AND (r.voided_at IS NULL OR r.voided_at > k.known_at)))))
)
SELECT o.name AS org, p.name AS project, coalesce(d.metric, m.key) AS metric,
       format('%s part %s', n.attributes, d.part) AS detail, d.at, d.left_quantity::text, NULL::bigint AS left_points,
       d.right_quantity::text, NULL::bigint AS right_points, count(*) OVER () AS differences
FROM d
LEFT JOIN usage_org o ON o.org_id = d.org_id
LEFT JOIN usage_dims n ON n.org_id = d.org_id AND n.dims_id = d.dims_id
LEFT JOIN usage_project p ON p.org_id = d.org_id AND p.project_id = n.project_id
LEFT JOIN usage_metric m ON m.metric_id = n.metric_id
ORDER BY d.at, 1, 2, 3, 4
LIMIT $4
