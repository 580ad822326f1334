-- Whoever changes rates or closes a month takes turns until its commit, and gets the time that it is known from.
-- $1 lock.
SELECT clock_timestamp() AS now FROM (SELECT pg_advisory_xact_lock($1)) AS turn
