-- Until the end of the transaction nobody else appends events: numbers appear in the order of commits.
-- $1 number of the advisory lock.
SELECT pg_advisory_xact_lock($1)
