-- What senders say of their collections; said again, it is known already. Ordered, so that two receivers never wait
-- for each other in a circle.
-- $1 writers, $2 begins, $3 sequences, $4 starts, $5 ends, $6 intervals, $7 whether last, $8 tallies, $9 now.
INSERT INTO usage_announcement (writer_id, begun_ns, sequence, start_ns, end_ns, interval_ns, is_last, tally,
                                received_at, check_after)
SELECT *, $9::timestamptz, $9::timestamptz
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::boolean[], $8::text[])
     AS said (writer_id, begun_ns, sequence, start_ns, end_ns, interval_ns, is_last, tally)
ORDER BY writer_id, begun_ns, sequence
ON CONFLICT DO NOTHING
