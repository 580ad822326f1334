-- $1 writers, $2 begins, $3 sequences.
DELETE FROM usage_gap g USING unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS closed (writer_id, begun_ns, sequence)
WHERE g.writer_id = closed.writer_id AND g.begun_ns = closed.begun_ns AND g.sequence = closed.sequence
