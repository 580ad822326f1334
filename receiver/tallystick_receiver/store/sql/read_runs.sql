-- $1 writers, $2 begins.
SELECT r.* FROM unnest($1::bigint[], $2::bigint[]) AS wanted (writer_id, begun_ns)
JOIN usage_run r USING (writer_id, begun_ns)
ORDER BY r.writer_id, r.begun_ns, r.first_sequence
