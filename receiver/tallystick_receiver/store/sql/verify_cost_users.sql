-- Totals of the month that begins on the day against those by user, per organisation, user, state, currency and whether
-- it is an adjustment: quantities, and where these agree amounts. A day that begins no month has nothing to compare.
-- $1/$2 window in UTC days, $3 organisation or null, $4 differences at most.
-- Index: usage_cost_monthly_pk, cost_group_pk, cost_tariff_pk, usage_cost_user_monthly_key.
WITH totals AS (
    SELECT m.org_id, g.user_id, t.state, t.currency, m.is_adjustment, any_value(g.project_id) AS project_id,
           any_value(g.metric) AS metric, cost_user(any_value(g.attributes)) AS attributes, sum(m.quantity) AS quantity,
           ARRAY[sum(m.quantity * t.price), sum(m.quantity * t.list_price), sum(m.quantity * t.billed_price)] AS amounts
    FROM usage_org o
    JOIN usage_cost_monthly m ON m.org_id = o.org_id AND m.month >= $1 AND m.month < $2
    LEFT JOIN cost_group g ON g.org_id = m.org_id AND g.group_id = m.group_id
    LEFT JOIN cost_tariff t ON t.tariff_id = m.tariff_id
    WHERE $3::bigint IS NULL OR o.org_id = $3
    GROUP BY 1, 2, 3, 4, 5
), users AS (
    SELECT m.org_id, m.user_id, m.state, m.currency, m.is_adjustment, m.project_id, m.metric, m.attributes, m.quantity,
           ARRAY[m.cost, m.list_cost, m.billed_cost] AS amounts
    FROM usage_org o
    JOIN usage_cost_user_monthly m ON m.org_id = o.org_id AND m.month >= $1 AND m.month < $2
    WHERE $3::bigint IS NULL OR o.org_id = $3
), joined AS (
    SELECT coalesce(t.org_id, u.org_id) AS org_id, coalesce(t.project_id, u.project_id) AS project_id,
           coalesce(t.metric, u.metric) AS metric, coalesce(t.attributes, u.attributes) AS attributes,
           coalesce(t.state, u.state) AS state, coalesce(t.is_adjustment, u.is_adjustment) AS is_adjustment,
           t.quantity AS left_quantity, t.amounts AS left_amounts, u.quantity AS right_quantity,
           u.amounts AS right_amounts
    FROM totals t
    FULL JOIN users u ON u.org_id = t.org_id AND u.user_id = t.user_id AND u.state = t.state
        AND coalesce(u.currency, '') = coalesce(t.currency, '') AND u.is_adjustment = t.is_adjustment
), d AS (
    SELECT *, coalesce(left_quantity, 0) <> coalesce(right_quantity, 0) AS is_quantity
    FROM joined
    WHERE coalesce(left_quantity, 0) <> coalesce(right_quantity, 0)
       OR EXISTS (SELECT FROM unnest(left_amounts, right_amounts) AS a (l, r) WHERE coalesce(l, 0) <> coalesce(r, 0))
)
SELECT o.name AS org, p.name AS project, d.metric,
       format('%s %s %s', d.attributes, CASE WHEN d.is_adjustment THEN 'adjustment' ELSE d.state END,
              CASE WHEN d.is_quantity THEN 'quantity' ELSE 'amounts' END) AS detail,
       $1::timestamptz AS at,
       CASE WHEN d.is_quantity THEN d.left_quantity::text ELSE array_to_string(d.left_amounts, ' ', '-') END
           AS left_quantity, NULL::bigint AS left_points,
       CASE WHEN d.is_quantity THEN d.right_quantity::text ELSE array_to_string(d.right_amounts, ' ', '-') END
           AS right_quantity, NULL::bigint AS right_points, count(*) OVER () AS differences
FROM d
LEFT JOIN usage_org o ON o.org_id = d.org_id
LEFT JOIN usage_project p ON p.org_id = d.org_id AND p.project_id = d.project_id
ORDER BY 1, 2, 3, 4
LIMIT $4
