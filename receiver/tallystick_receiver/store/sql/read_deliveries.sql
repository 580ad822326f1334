-- Deliveries, newest first.
-- $1 whose recipients or null, $2 state or null, $3 event's id or null, $4 endpoint or null, $5 number or null,
-- $6 number before which or null, $7 rows at most. Index: delivery_pk, delivery_org, delivery_once.
SELECT d.number, d.kind, d.webhook, d.email, d.state, d.attempts, d.since, d.due_at, d.tried_at, d.finished_at, d.error,
       event.id AS event, event.type AS event_type, event.org AS event_org
FROM delivery d
JOIN event ON event.number = d.event
WHERE ($1::text IS NULL OR d.org = $1) AND ($2::text IS NULL OR d.state = $2) AND ($3::text IS NULL OR event.id = $3)
  AND ($4::text IS NULL OR d.webhook = $4) AND ($5::bigint IS NULL OR d.number = $5)
  AND ($6::bigint IS NULL OR d.number < $6)
ORDER BY d.number DESC
LIMIT $7
