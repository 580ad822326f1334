-- $1 org ids, $2 ids, $3 names.
INSERT INTO usage_project (org_id, project_id, name)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS seen (org_id, project_id, name)
ORDER BY org_id, project_id
ON CONFLICT DO NOTHING
