-- The span of chunks of points to come.
-- $1 span.
SELECT set_chunk_time_interval('usage_point', $1::interval)
