-- $1 ids, $2 keys, $3 units, $4 kinds.
INSERT INTO usage_metric (metric_id, key, unit, kind)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) AS seen (metric_id, key, unit, kind)
ORDER BY metric_id
ON CONFLICT DO NOTHING
