-- The database's clock in nanoseconds.
SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000
