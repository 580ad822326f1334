-- The number until which events were dropped; 0 where none was.
SELECT dropped_until FROM event_retention
