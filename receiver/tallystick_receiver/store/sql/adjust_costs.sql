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
    SELECT l.group_id, d.tariff_id, true AS is_adjustment, sum(d.quantity) AS quantity
    FROM difference d
    JOIN cost_line l ON l.org_id = $1 AND l.dims_id = d.dims_id AND l.part = d.part
    GROUP BY 1, 2
), /* add_to_totals */
SELECT count(*) AS changed FROM difference
