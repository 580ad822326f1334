-- $1 continuous aggregate, $2 start offset, $3 end offset, $4 schedule.
SELECT add_continuous_aggregate_policy(to_regclass($1), start_offset => $2::interval, end_offset => $3::interval,
                                       schedule_interval => $4::interval)
