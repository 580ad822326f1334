-- What is kept of streams from a place on, and the last row before it.
-- $1 writer ids, $2 series ids, $3 starts, $4 places. Index: usage_cumulative_pk.
SELECT c.*, c.at_ns < wanted.at_ns AS is_before
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) AS wanted (writer_id, series_id, start_ns, at_ns),
LATERAL (
    (
        SELECT *
        FROM usage_cumulative b
        WHERE b.writer_id = wanted.writer_id AND b.series_id = wanted.series_id AND b.start_ns = wanted.start_ns
          AND b.at_ns < wanted.at_ns
        ORDER BY b.at_ns DESC
        LIMIT 1
    )
    UNION ALL
    (
        SELECT *
        FROM usage_cumulative b
        WHERE b.writer_id = wanted.writer_id AND b.series_id = wanted.series_id AND b.start_ns = wanted.start_ns
          AND b.at_ns >= wanted.at_ns
        ORDER BY b.at_ns
    )
) AS c
