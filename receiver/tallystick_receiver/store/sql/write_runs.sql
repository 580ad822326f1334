-- $1 writers, $2 begins, $3 first, $4 last, $5 starts, $6 ends, $7 before, $8 after, $9 received.
INSERT INTO usage_run (writer_id, begun_ns, first_sequence, last_sequence, start_ns, end_ns, before, after, received_at)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[],
                     $8::text[], $9::timestamptz[])
ON CONFLICT (writer_id, begun_ns, first_sequence) DO UPDATE
SET last_sequence = excluded.last_sequence, start_ns = excluded.start_ns, end_ns = excluded.end_ns,
    before = excluded.before, after = excluded.after
