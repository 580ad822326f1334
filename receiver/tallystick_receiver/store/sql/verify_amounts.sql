-- Amounts of cost rows against quantity times the price of their tariff, row by row.
-- $1/$2 window in UTC days, $3 organisation or null, $4 differences at most. Index: usage_cost_pk, cost_tariff_pk.
WITH d AS (
    SELECT c.org_id, c.dims_id, c.part, c.booking, c.hour AS at, c.quantity * t.price AS left_quantity,
           c.cost AS right_quantity
    FROM usage_org o
    JOIN usage_cost c ON c.org_id = o.org_id AND c.hour >= $1 AND c.hour < $2
    LEFT JOIN cost_tariff t ON t.tariff_id = c.tariff_id
    WHERE ($3::bigint IS NULL OR o.org_id = $3)
      AND (t.tariff_id IS NULL OR c.cost IS DISTINCT FROM c.quantity * t.price)
)
SELECT o.name AS org, p.name AS project, l.metric, format('%s part %s booking %s', n.attributes, d.part, d.booking) AS detail,
       d.at, d.left_quantity::text, NULL::bigint AS left_points, d.right_quantity::text, NULL::bigint AS right_points,
       count(*) OVER () AS differences
FROM d
LEFT JOIN usage_org o ON o.org_id = d.org_id
LEFT JOIN cost_line l ON l.org_id = d.org_id AND l.dims_id = d.dims_id AND l.part = d.part
LEFT JOIN usage_dims n ON n.org_id = d.org_id AND n.dims_id = d.dims_id
LEFT JOIN usage_project p ON p.org_id = d.org_id AND p.project_id = n.project_id
ORDER BY d.at, 1, 2, 3, 4
LIMIT $4
