-- Price hours of an organisation anew: what is there already and the same is not touched, and what has no usage any
-- more goes. The hours are of one month, whose totals change by what the rows change by.
-- $1 to $10 as of cost_of (migrations/0022), $11 month. Index: usage_quarter_hourly_pk, cost_line_pk, usage_cost_pk.
WITH changed AS MATERIALIZED (
    SELECT coalesce(f.hour, c.hour) AS hour, coalesce(f.dims_id, c.dims_id) AS dims_id,
           coalesce(f.part, c.part) AS part, f.tariff_id, f.quantity, f.cost, c.tariff_id AS old_tariff_id, c.quantity AS old_quantity
    FROM cost_of($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) AS f
    FULL JOIN (
        SELECT hour, dims_id, part, tariff_id, quantity
        FROM usage_cost
        WHERE org_id = $1 AND hour = ANY ($2::timestamptz[]) AND booking = 0
    ) AS c ON c.hour = f.hour AND c.dims_id = f.dims_id AND c.part = f.part
    WHERE (f.tariff_id, f.quantity) IS DISTINCT FROM (c.tariff_id, c.quantity)
), gone AS (
    DELETE FROM usage_cost c
    USING changed x
    WHERE x.tariff_id IS NULL AND c.org_id = $1 AND c.hour = x.hour AND c.dims_id = x.dims_id AND c.part = x.part
      AND c.booking = 0
), renewed AS (
    UPDATE usage_cost c SET tariff_id = x.tariff_id, quantity = x.quantity, cost = x.cost
    FROM changed x
    WHERE x.tariff_id IS NOT NULL AND x.old_tariff_id IS NOT NULL AND c.org_id = $1 AND c.hour = ANY ($2::timestamptz[])
      AND c.hour = x.hour AND c.dims_id = x.dims_id AND c.part = x.part AND c.booking = 0
), written AS (
    INSERT INTO usage_cost (org_id, hour, dims_id, part, booking, tariff_id, quantity, cost)
    SELECT $1, hour, dims_id, part, 0, tariff_id, quantity, cost
    FROM changed
    WHERE old_tariff_id IS NULL
    ORDER BY hour, dims_id, part
), total AS (
    SELECT l.group_id, d.tariff_id, false AS is_adjustment, sum(d.quantity) AS quantity
    FROM (
        SELECT dims_id, part, tariff_id, quantity FROM changed WHERE tariff_id IS NOT NULL
        UNION ALL
        SELECT dims_id, part, old_tariff_id, -old_quantity FROM changed WHERE old_tariff_id IS NOT NULL
    ) AS d
    JOIN cost_line l ON l.org_id = $1 AND l.dims_id = d.dims_id AND l.part = d.part
    GROUP BY 1, 2
    HAVING sum(d.quantity) <> 0
), /* add_to_totals */
SELECT count(*) AS changed, count(old_tariff_id) AS replaced FROM changed
