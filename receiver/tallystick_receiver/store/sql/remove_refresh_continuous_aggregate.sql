-- $1 continuous aggregate.
SELECT remove_continuous_aggregate_policy(to_regclass($1), if_exists => true)
