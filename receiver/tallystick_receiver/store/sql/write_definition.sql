-- Define a metric, or define it anew. $1 key, $2 organisation or null, $3 name, $4 description, $5 unit,
-- $6 aggregation, $7 reset, $8 now, $9 id, $10 dimension whose distinct values count, or null,
-- $11 dimensions that are kept, or null, and $12 from when on.
INSERT INTO metric_definition AS d
    (id, key, org, name, description, unit, aggregation, reset, unique_dimension, dimensions, dimensions_from, is_seen,
     created_at, updated_at)
VALUES ($9, $1, $2, $3, $4, $5, $6, $7, $10, $11, $12, false, $8, $8)
ON CONFLICT ON CONSTRAINT metric_definition_unique DO UPDATE
SET name = excluded.name, description = excluded.description, unit = excluded.unit,
    aggregation = excluded.aggregation, reset = excluded.reset, unique_dimension = excluded.unique_dimension,
    dimensions = excluded.dimensions, dimensions_from = excluded.dimensions_from, is_seen = false,
    updated_at = excluded.updated_at
RETURNING key, org, name, description, unit, aggregation, reset, unique_dimension AS "unique", dimensions,
          dimensions_from, is_seen, created_at, updated_at
