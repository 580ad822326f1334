-- Lines get their new keys. $1 orgs, $2 dims, $3 parts, $4 keys.
UPDATE cost_line l SET key_id = n.key_id
FROM unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::bigint[]) AS n (org_id, dims_id, part, key_id)
WHERE l.org_id = n.org_id AND l.dims_id = n.dims_id AND l.part = n.part
