-- Price hours of an organisation anew: what is there already and the same is not touched, and what has no usage any
-- more goes. $1 to $10 as of cost_of (migrations/0022). Index: usage_quarter_hourly_pk, cost_line_pk, usage_cost_pk.
WITH fresh AS MATERIALIZED (
    SELECT * FROM cost_of($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
), gone AS (
    DELETE FROM usage_cost c
    WHERE c.org_id = $1 AND c.hour = ANY ($2::timestamptz[])
      AND NOT EXISTS (SELECT FROM fresh f WHERE f.hour = c.hour AND f.dims_id = c.dims_id AND f.part = c.part)
    RETURNING 1
), written AS (
    INSERT INTO usage_cost AS c (org_id, hour, dims_id, part, booking, tariff_id, quantity, cost)
    SELECT $1, hour, dims_id, part, 0, tariff_id, quantity, cost
    FROM fresh
    ORDER BY hour, dims_id, part
    ON CONFLICT ON CONSTRAINT usage_cost_pk DO UPDATE
    SET tariff_id = excluded.tariff_id, quantity = excluded.quantity, cost = excluded.cost
    WHERE (c.tariff_id, c.quantity) IS DISTINCT FROM (excluded.tariff_id, excluded.quantity)
    RETURNING 1
)
SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM written) AS changed
