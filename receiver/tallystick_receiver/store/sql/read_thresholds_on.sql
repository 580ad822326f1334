-- Thresholds on a subject's usage. $1 org id, $2 metric, $3 subject type, $4 subject. Index: threshold_org.
SELECT id, org, metric, subject_type, subject, amount, reset, zone, levels, action, emails, slack, created_at, updated_at
FROM threshold
WHERE org_id = $1 AND metric = $2 AND subject_type = $3 AND subject = $4
ORDER BY id
