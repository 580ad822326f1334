-- The identities of sets of dimensions. $1 org ids, $2 dims ids. Index: usage_dims_pk.
SELECT d.org_id, d.dims_id, d.identity
FROM unnest($1::bigint[], $2::bigint[]) AS wanted (org_id, dims_id)
JOIN usage_dims d USING (org_id, dims_id)
