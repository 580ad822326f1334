-- $1 hypertable.
SELECT remove_compression_policy(to_regclass($1), if_exists => true)
