-- Totals by user of whole months from those by tariff. $1/$2 window, from a month's beginning to another's,
-- $3 organisation or null. Index: usage_cost_monthly_pk, cost_group_pk, cost_tariff_pk.
INSERT INTO usage_cost_user_monthly (org_id, month, user_id, state, currency, is_adjustment, project_id, metric, unit,
                                     grade, attributes, quantity, cost, list_cost, billed_cost)
SELECT m.org_id, m.month, g.user_id, t.state, t.currency, m.is_adjustment, any_value(g.project_id), any_value(g.metric),
       any_value(g.unit), any_value(g.grade), cost_user(any_value(g.attributes)), sum(m.quantity),
       sum(m.quantity * t.price), sum(m.quantity * t.list_price), sum(m.quantity * t.billed_price)
FROM usage_org o
JOIN usage_cost_monthly m ON m.org_id = o.org_id AND m.month >= $1 AND m.month < $2
JOIN cost_group g ON g.org_id = m.org_id AND g.group_id = m.group_id
JOIN cost_tariff t ON t.tariff_id = m.tariff_id
WHERE $3::bigint IS NULL OR o.org_id = $3
GROUP BY 1, 2, 3, 4, 5, 6
