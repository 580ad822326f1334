-- Streams of which nothing was heard for long.
-- $1 since when (ns), $2 streams at most. Index: usage_cumulative_pk.
SELECT writer_id, series_id, start_ns
FROM usage_cumulative
GROUP BY writer_id, series_id, start_ns
HAVING max(at_ns) < $1
LIMIT $2
