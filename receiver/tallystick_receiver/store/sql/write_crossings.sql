-- Which levels are reached now. $1 thresholds, $2 period starts, $3 period ends, $4 levels, $5 is over, $6 times.
INSERT INTO threshold_crossing (threshold_id, period_start, period_end, level, is_over, times)
SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::integer[], $5::boolean[], $6::integer[])
ON CONFLICT (threshold_id, period_start, level) DO UPDATE SET is_over = excluded.is_over, times = excluded.times
