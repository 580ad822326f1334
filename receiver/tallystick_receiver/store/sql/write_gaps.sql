-- $1 writers, $2 begins, $3 sequences, $4 metrics, $5 starts, $6 ends, $7 points, $8 quantities.
INSERT INTO usage_gap (writer_id, begun_ns, sequence, metric_id, start_ns, end_ns, points, quantity)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
                     $8::numeric[])
