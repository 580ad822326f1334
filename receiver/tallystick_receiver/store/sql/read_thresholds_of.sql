-- Thresholds of these organisations, of all when null. $1 org ids or null. Index: threshold_org.
SELECT id, org, metric, subject_type, subject, amount, reset, zone, levels, action, emails, slack, created_at, updated_at
FROM threshold
WHERE $1::bigint[] IS NULL OR org_id = ANY ($1)
