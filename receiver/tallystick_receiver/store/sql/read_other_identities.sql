-- The sets of dimensions whose id stands for another identity than ours.
-- $1 org ids, $2 dims ids, $3 identities. Index: usage_dims_pk.
SELECT org_id, dims_id
FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS ours (org_id, dims_id, identity)
JOIN usage_dims stored USING (org_id, dims_id)
WHERE stored.identity <> ours.identity
