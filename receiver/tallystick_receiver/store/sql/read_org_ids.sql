-- Every organisation that was ever seen.
SELECT org_id FROM usage_org ORDER BY org_id
