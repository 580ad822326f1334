-- What is visible now, so that a later look knows what is new.
SELECT pg_current_snapshot()::text
