-- Book what hours of a closed month differ by, in rows of their own: what was charged is taken back or added, each at
-- its own tariff, so that cost stays quantity times price. $1 to $11 as of write_costs.sql, $12 when.
WITH booked AS MATERIALIZED (
    SELECT hour, dims_id, part, booking, tariff_id, quantity
    FROM usage_cost
    WHERE org_id = $1 AND hour = ANY ($2::timestamptz[])
), difference AS MATERIALIZED (
    SELECT hour, dims_id, part, tariff_id, sum(quantity) AS quantity
    FROM (
        SELECT hour, dims_id, part, tariff_id, quantity FROM cost_of($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        UNION ALL
        SELECT hour, dims_id, part, tariff_id, -quantity FROM booked
    ) AS both_sides
    GROUP BY 1, 2, 3, 4
    HAVING sum(quantity) <> 0
), written AS (
    INSERT INTO usage_cost (org_id, hour, dims_id, part, booking, tariff_id, quantity, cost, booked_at)
    SELECT $1, d.hour, d.dims_id, d.part,
           coalesce((SELECT max(b.booking) FROM booked b
                     WHERE b.hour = d.hour AND b.dims_id = d.dims_id AND b.part = d.part), 0)
               + row_number() OVER (PARTITION BY d.hour, d.dims_id, d.part ORDER BY d.quantity, d.tariff_id),
           d.tariff_id, d.quantity, d.quantity * t.price, $12
    FROM difference d
    JOIN cost_tariff t USING (tariff_id)
), total AS (
    SELECT l.group_id, d.tariff_id, sum(d.quantity) AS quantity
    FROM difference d
    JOIN cost_line l ON l.org_id = $1 AND l.dims_id = d.dims_id AND l.part = d.part
    GROUP BY 1, 2
), totals AS (
    INSERT INTO usage_cost_monthly AS m (org_id, month, group_id, tariff_id, is_adjustment, quantity)
    SELECT $1, $11, group_id, tariff_id, true, quantity
    FROM total
    ON CONFLICT ON CONSTRAINT usage_cost_monthly_pk DO UPDATE SET quantity = m.quantity + excluded.quantity
), user_totals AS (
    INSERT INTO usage_cost_user_monthly AS m (org_id, month, user_id, state, currency, is_adjustment, project_id, metric,
                                              unit, grade, attributes, quantity, cost, list_cost, billed_cost)
    SELECT $1, $11, g.user_id, t.state, t.currency, true, any_value(g.project_id), any_value(g.metric), any_value(g.unit),
           any_value(g.grade), cost_user(any_value(g.attributes)), sum(d.quantity), sum(d.quantity * t.price),
           sum(d.quantity * t.list_price), sum(d.quantity * t.billed_price)
    FROM total d
    JOIN cost_group g ON g.org_id = $1 AND g.group_id = d.group_id
    JOIN cost_tariff t ON t.tariff_id = d.tariff_id
    GROUP BY 3, 4, 5
    ON CONFLICT ON CONSTRAINT usage_cost_user_monthly_key DO UPDATE
    SET quantity = m.quantity + excluded.quantity, cost = m.cost + excluded.cost,
        list_cost = m.list_cost + excluded.list_cost, billed_cost = m.billed_cost + excluded.billed_cost
)
SELECT count(*) AS changed FROM difference
