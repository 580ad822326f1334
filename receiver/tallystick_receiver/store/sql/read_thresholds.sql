-- Thresholds by id.
-- $1 organisation or null, $2 metric or null, $3 id or null, $4 id after which or null, $5 rows at most.
-- Index: threshold_pk, threshold_org.
SELECT id, org, metric, subject_type, subject, amount, reset, zone, levels, action, emails, slack, created_at, updated_at
FROM threshold
WHERE ($1::text IS NULL OR org = $1) AND ($2::text IS NULL OR metric = $2) AND ($3::text IS NULL OR id = $3)
  AND ($4::text IS NULL OR id > $4)
ORDER BY id
LIMIT $5
