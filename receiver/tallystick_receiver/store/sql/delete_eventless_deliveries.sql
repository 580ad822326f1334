-- Forget deliveries of events that are kept no longer (drop_events.sql): there is nothing left to send.
-- Index: delivery_once.
DELETE FROM delivery WHERE event <= (SELECT dropped_until FROM event_retention)
RETURNING 1
