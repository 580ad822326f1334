-- What is kept of streams from a place on, and the last row before it; nothing of streams whose value has not changed.
-- $1 writer ids, $2 series ids, $3 starts, $4 places, $5 earliest ends, $6 mantissas and $7 exponents, null where more
-- than the last row is needed in any case. Index: usage_cumulative_pk.
WITH wanted AS MATERIALIZED (
    SELECT *
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::smallint[])
         WITH ORDINALITY AS w (writer_id, series_id, start_ns, at_ns, end_ns, mantissa, exponent, number)
), active AS (
    SELECT w.*
    FROM wanted w
    LEFT JOIN LATERAL (
        SELECT *
        FROM usage_cumulative b
        WHERE b.writer_id = w.writer_id AND b.series_id = w.series_id AND b.start_ns = w.start_ns AND b.at_ns <= w.at_ns
        ORDER BY b.at_ns DESC
        LIMIT 1
    ) AS l ON true
    WHERE (
        (l.reached_mantissa, l.reached_exponent) = (w.mantissa, w.exponent)
        AND CASE WHEN l.at_ns < w.at_ns THEN l.at_ns / 86400000000000 = w.at_ns / 86400000000000
                 ELSE (l.mantissa, l.exponent) = (w.mantissa, w.exponent) AND w.end_ns >= l.end_ns END
    ) IS NOT TRUE
)
SELECT a.number, c.at_ns < a.at_ns AS is_before, c.at_ns, c.first_ns, c.first_mantissa, c.first_exponent, c.end_ns,
       c.mantissa, c.exponent, c.reached_mantissa, c.reached_exponent
FROM active a
LEFT JOIN LATERAL (
    (
        SELECT *
        FROM usage_cumulative b
        WHERE b.writer_id = a.writer_id AND b.series_id = a.series_id AND b.start_ns = a.start_ns AND b.at_ns < a.at_ns
        ORDER BY b.at_ns DESC
        LIMIT 1
    )
    UNION ALL
    SELECT *
    FROM usage_cumulative b
    WHERE b.writer_id = a.writer_id AND b.series_id = a.series_id AND b.start_ns = a.start_ns AND b.at_ns >= a.at_ns
) AS c ON true
