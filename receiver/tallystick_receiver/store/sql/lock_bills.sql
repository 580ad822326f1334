-- Until the end of the transaction nobody else gives out revisions.
SELECT pg_advisory_xact_lock($1)
