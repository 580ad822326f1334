-- These periods were looked at. $1 org ids, $2 periods, $3 starts, $4 revisions, $5 prints. Index: usage_period_pk.
UPDATE usage_period p
SET is_due = false, revision = told.revision, print = told.print
FROM unnest($1::bigint[], $2::text[], $3::timestamptz[], $4::integer[], $5::bytea[])
     AS told (org_id, period, starts_at, revision, print)
WHERE p.org_id = told.org_id AND p.period = told.period AND p.starts_at = told.starts_at
