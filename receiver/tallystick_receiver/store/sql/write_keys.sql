-- Keys by their hashes. Columns as arrays.
INSERT INTO cost_key (key_id, metric, unit, attributes)
SELECT key_id, metric, unit, attributes::jsonb
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) AS k (key_id, metric, unit, attributes)
ON CONFLICT (key_id) DO NOTHING
