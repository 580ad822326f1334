-- Closed periods of which something is new. $1 end until which they are closed, $2 rows at most.
-- Index: usage_period_due.
SELECT p.org_id, o.name AS org, p.period, p.starts_at, p.ends_at, p.revision, p.print
FROM usage_period p
JOIN usage_org o USING (org_id)
WHERE p.is_due AND p.ends_at <= $1
ORDER BY p.ends_at, p.period, p.starts_at, p.org_id
LIMIT $2
