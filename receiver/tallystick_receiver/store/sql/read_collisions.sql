-- The ids whose stored identity is another one than ours: two names with one 64-bit hash.
-- $1/$2 orgs, $3/$4/$5 projects, $6/$7/$8/$9 metrics, $10/$11/$12 dims, $13/$14/$15/$16 series, $17/$18 writers.
SELECT 'org' AS kind, org_id AS id
FROM unnest($1::bigint[], $2::text[]) AS ours (org_id, name)
JOIN usage_org stored USING (org_id) WHERE stored.name <> ours.name
UNION ALL
SELECT 'project', project_id
FROM unnest($3::bigint[], $4::bigint[], $5::text[]) AS ours (org_id, project_id, name)
JOIN usage_project stored USING (org_id, project_id) WHERE stored.name <> ours.name
UNION ALL
SELECT 'metric', metric_id
FROM unnest($6::bigint[], $7::text[], $8::text[], $9::text[]) AS ours (metric_id, key, unit, kind)
JOIN usage_metric stored USING (metric_id)
WHERE (stored.key, stored.unit, stored.kind) <> (ours.key, ours.unit, ours.kind)
UNION ALL
SELECT 'dims', dims_id
FROM unnest($10::bigint[], $11::bigint[], $12::text[]) AS ours (org_id, dims_id, identity)
JOIN usage_dims stored USING (org_id, dims_id) WHERE stored.identity <> ours.identity
UNION ALL
SELECT 'series', series_id
FROM unnest($13::bigint[], $14::bigint[], $15::bigint[], $16::text[]) AS ours (org_id, series_id, dims_id, scope)
JOIN usage_series stored USING (org_id, series_id)
WHERE (stored.dims_id, stored.scope) <> (ours.dims_id, ours.scope)
UNION ALL
SELECT 'writer', writer_id
FROM unnest($17::bigint[], $18::text[]) AS ours (writer_id, identity)
JOIN usage_writer stored USING (writer_id) WHERE stored.identity <> ours.identity
