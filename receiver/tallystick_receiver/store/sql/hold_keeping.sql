-- Wait until no commit is under way, and let none begin until the transaction ends. $1 the lock.
SELECT pg_advisory_xact_lock($1)
