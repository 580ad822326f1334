-- What events of usage were asked for, oldest first.
-- $1 organisation or null (those for all concern everybody), $2 id or null. Index: event_subscription_pk.
SELECT id, type, org, metric, period, created_at
FROM event_subscription
WHERE ($1::text IS NULL OR org IS NULL OR org = $1) AND ($2::text IS NULL OR id = $2)
ORDER BY created_at, id
