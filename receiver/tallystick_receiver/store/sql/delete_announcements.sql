-- $1 writers, $2 begins, $3 sequences.
DELETE FROM usage_announcement a USING unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS done (writer_id, begun_ns, sequence)
WHERE a.writer_id = done.writer_id AND a.begun_ns = done.begun_ns AND a.sequence = done.sequence
