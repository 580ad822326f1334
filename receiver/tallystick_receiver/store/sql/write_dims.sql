-- $1 org ids, $2 ids, $3 project ids, $4 metric ids, $5 attributes (JSON), $6 identities.
INSERT INTO usage_dims (org_id, dims_id, project_id, metric_id, attributes, identity)
SELECT org_id, dims_id, project_id, metric_id, attributes::jsonb, identity
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::text[])
     AS seen (org_id, dims_id, project_id, metric_id, attributes, identity)
ORDER BY org_id, dims_id
ON CONFLICT DO NOTHING
