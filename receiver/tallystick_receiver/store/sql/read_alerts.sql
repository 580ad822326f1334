-- Alerts, oldest first. $1 organisation or null (those without one concern everybody), $2 id or null.
SELECT id, org, metric, percent, emails, slack, created_at
FROM usage_alert
WHERE ($1::text IS NULL OR org IS NULL OR org = $1) AND ($2::text IS NULL OR id = $2)
ORDER BY created_at, id
