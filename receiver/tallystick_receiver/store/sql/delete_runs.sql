-- $1 writers, $2 begins, $3 first sequences.
DELETE FROM usage_run r USING unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS gone (writer_id, begun_ns, first_sequence)
WHERE r.writer_id = gone.writer_id AND r.begun_ns = gone.begun_ns AND r.first_sequence = gone.first_sequence
