-- Definitions that an organisation sees (null: all), after a cursor.
-- $1 organisation or null, $2 key or null, $3 id or null, $4/$5 key and organisation ('' for none) after which, or
-- nulls, $6 rows at most. Index: metric_definition_unique, metric_definition_pk.
SELECT key, org, name, description, unit, aggregation, reset, unique_dimension AS "unique", dimensions,
       dimensions_from, is_seen, created_at, updated_at
FROM metric_definition
WHERE ($1::text IS NULL OR org IS NULL OR org = $1) AND ($2::text IS NULL OR key = $2)
  AND ($3::text IS NULL OR id = $3)
  AND ($4::text IS NULL OR (key, coalesce(org, '')) > ($4, $5::text))
ORDER BY key, coalesce(org, '')
LIMIT $6
