-- Of the places that no acceptable point can reach any more, all but the newest of each stream go.
-- $1 the first place that can be reached (ns), $2 rows at most. Index: usage_cumulative_pk.
DELETE FROM usage_cumulative WHERE ctid = ANY (ARRAY(
    SELECT c.ctid
    FROM usage_cumulative c
    WHERE c.at_ns < $1 AND EXISTS (
        SELECT FROM usage_cumulative l
        WHERE l.writer_id = c.writer_id AND l.series_id = c.series_id AND l.start_ns = c.start_ns
          AND l.at_ns > c.at_ns AND l.at_ns < $1)
    LIMIT $2
))
