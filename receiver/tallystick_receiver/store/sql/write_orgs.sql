-- $1 ids, $2 names.
INSERT INTO usage_org (org_id, name)
SELECT * FROM unnest($1::bigint[], $2::text[]) AS seen (org_id, name) ORDER BY org_id
ON CONFLICT DO NOTHING
