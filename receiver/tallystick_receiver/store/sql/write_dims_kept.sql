-- What rollups hold sets of dimensions as. $1 org ids, $2 dims ids, $3 from when on, $4 kept ids.
-- Index: usage_dims_kept_pk.
INSERT INTO usage_dims_kept (org_id, dims_id, starts, kept_id)
SELECT org_id, dims_id, starts, kept_id
FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::bigint[]) AS seen (org_id, dims_id, starts, kept_id)
ORDER BY org_id, dims_id, starts
ON CONFLICT DO NOTHING
