-- What the rows of a month change by is added to its totals, by tariff and by user: a part of write_costs and adjust_costs.
-- `total` is by group and tariff. $1 org id, $11 month. Index: usage_cost_monthly_pk, usage_cost_user_monthly_key.
totals AS (
    INSERT INTO usage_cost_monthly AS m (org_id, month, group_id, tariff_id, is_adjustment, quantity)
    SELECT $1, $11, group_id, tariff_id, is_adjustment, quantity
    FROM total
    ON CONFLICT ON CONSTRAINT usage_cost_monthly_pk DO UPDATE SET quantity = m.quantity + excluded.quantity
), user_totals AS (
    INSERT INTO usage_cost_user_monthly AS m (org_id, month, user_id, state, currency, is_adjustment, project_id, metric,
                                              unit, grade, attributes, quantity, cost, list_cost, billed_cost)
    SELECT $1, $11, g.user_id, t.state, t.currency, d.is_adjustment, any_value(g.project_id), any_value(g.metric), any_value(g.unit),
           any_value(g.grade), cost_user(any_value(g.attributes)), sum(d.quantity), sum(d.quantity * t.price),
           sum(d.quantity * t.list_price), sum(d.quantity * t.billed_price)
    FROM total d
    JOIN cost_group g ON g.org_id = $1 AND g.group_id = d.group_id
    JOIN cost_tariff t ON t.tariff_id = d.tariff_id
    GROUP BY 3, 4, 5, 6
    ON CONFLICT ON CONSTRAINT usage_cost_user_monthly_key DO UPDATE
    SET quantity = m.quantity + excluded.quantity, cost = m.cost + excluded.cost,
        list_cost = m.list_cost + excluded.list_cost, billed_cost = m.billed_cost + excluded.billed_cost
)
