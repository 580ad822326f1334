-- Cost rows of the month that begins on the day against its totals, per organisation, group, tariff and whether it is
-- an adjustment. A day that begins no month has nothing to compare.
-- $1/$2 window in UTC days, $3 organisation or null, $4 differences at most.
-- Index: usage_cost_pk, cost_line_pk, usage_cost_monthly_pk.
WITH counted AS (
    SELECT c.org_id, l.group_id, c.tariff_id, c.booking > 0 AS is_adjustment, sum(c.quantity) AS quantity
    FROM usage_org o
    JOIN usage_cost c ON c.org_id = o.org_id AND c.hour >= $1 AND c.hour < $1::timestamptz + interval '32 days'
        AND date_trunc('month', c.hour, 'UTC') = $1
    LEFT JOIN cost_line l ON l.org_id = c.org_id AND l.dims_id = c.dims_id AND l.part = c.part
    WHERE $3::bigint IS NULL OR o.org_id = $3
    GROUP BY 1, 2, 3, 4
), kept AS (
    SELECT m.org_id, m.group_id, m.tariff_id, m.is_adjustment, m.quantity
    FROM usage_org o
    JOIN usage_cost_monthly m ON m.org_id = o.org_id AND m.month >= $1 AND m.month < $2
    WHERE $3::bigint IS NULL OR o.org_id = $3
), d AS (
    SELECT org_id, group_id, tariff_id, is_adjustment, c.quantity AS left_quantity, k.quantity AS right_quantity
    FROM counted c
    FULL JOIN kept k USING (org_id, group_id, tariff_id, is_adjustment)
    WHERE coalesce(c.quantity, 0) <> coalesce(k.quantity, 0)
)
SELECT o.name AS org, p.name AS project, g.metric,
       format('%s %s', g.attributes, CASE WHEN d.is_adjustment THEN 'adjustment' ELSE t.state END) AS detail,
       $1::timestamptz AS at, d.left_quantity::text, NULL::bigint AS left_points, d.right_quantity::text,
       NULL::bigint AS right_points, count(*) OVER () AS differences
FROM d
LEFT JOIN usage_org o ON o.org_id = d.org_id
LEFT JOIN cost_group g ON g.org_id = d.org_id AND g.group_id = d.group_id
LEFT JOIN cost_tariff t ON t.tariff_id = d.tariff_id
LEFT JOIN usage_project p ON p.org_id = d.org_id AND p.project_id = g.project_id
ORDER BY 1, 2, 3, 4
LIMIT $4
