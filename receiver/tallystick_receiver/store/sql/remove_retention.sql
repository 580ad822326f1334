-- $1 hypertable or continuous aggregate.
SELECT remove_retention_policy(to_regclass($1), if_exists => true)
