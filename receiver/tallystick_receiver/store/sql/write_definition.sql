-- Define a metric, or define it anew. $1 key, $2 organisation or null, $3 name, $4 description, $5 unit,
-- $6 aggregation, $7 reset, $8 now, $9 id.
INSERT INTO metric_definition AS d
    (id, key, org, name, description, unit, aggregation, reset, is_seen, created_at, updated_at)
VALUES ($9, $1, $2, $3, $4, $5, $6, $7, false, $8, $8)
ON CONFLICT ON CONSTRAINT metric_definition_unique DO UPDATE
SET name = excluded.name, description = excluded.description, unit = excluded.unit,
    aggregation = excluded.aggregation, reset = excluded.reset, is_seen = false, updated_at = excluded.updated_at
RETURNING key, org, name, description, unit, aggregation, reset, is_seen, created_at, updated_at
