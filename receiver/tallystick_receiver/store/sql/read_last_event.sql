-- The number of the last event; 0 before the first. Index: event_pk.
SELECT coalesce(max(number), 0) FROM event
