-- $1 hypertable or continuous aggregate, $2 age.
SELECT add_retention_policy(to_regclass($1), drop_after => $2::interval)
