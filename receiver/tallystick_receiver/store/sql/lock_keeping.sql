-- The version of what rollups keep, which does not change until the transaction ends. $1 the lock.
SELECT usage_keep_locked($1)
