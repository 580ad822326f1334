-- Which levels were reached before in periods of one start. $1 thresholds, $2 period start. Index: threshold_crossing_pk.
SELECT threshold_id, level, is_over, times
FROM threshold_crossing
WHERE threshold_id = ANY ($1::text[]) AND period_start = $2
