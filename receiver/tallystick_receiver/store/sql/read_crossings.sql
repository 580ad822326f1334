-- Which levels were reached before. $1 thresholds, $2 period starts (pairs). Index: threshold_crossing_pk.
SELECT c.threshold_id, c.period_start, c.level, c.is_over, c.times
FROM unnest($1::text[], $2::timestamptz[]) AS wanted (threshold_id, period_start)
JOIN threshold_crossing c ON c.threshold_id = wanted.threshold_id AND c.period_start = wanted.period_start
