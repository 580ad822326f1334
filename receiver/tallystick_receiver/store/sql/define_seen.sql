-- Metrics define themselves, unless somebody was faster.
-- $1 ids, $2 keys, $3 units, $4 aggregations, $5 resets, $6 now. Index: metric_definition_unique.
INSERT INTO metric_definition
    (id, key, org, name, description, unit, aggregation, reset, is_seen, created_at, updated_at)
SELECT id, key, NULL, key, '', unit, aggregation, reset, true, $6::timestamptz, $6::timestamptz
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) AS seen (id, key, unit, aggregation, reset)
ON CONFLICT DO NOTHING
RETURNING key, org, name, description, unit, aggregation, reset, unique_dimension AS "unique", dimensions,
          dimensions_from, is_seen, created_at, updated_at
