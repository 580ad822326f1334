-- $1 hypertable, $2 age.
SELECT add_compression_policy(to_regclass($1), compress_after => $2::interval)
