-- $1 org ids, $2 ids, $3 dims ids, $4 scopes.
INSERT INTO usage_series (org_id, series_id, dims_id, scope)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[]) AS seen (org_id, series_id, dims_id, scope)
ORDER BY org_id, series_id
ON CONFLICT DO NOTHING
