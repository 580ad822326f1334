-- Where gaps of the given sequences are written down. $1 writers, $2 begins.
SELECT DISTINCT g.writer_id, g.begun_ns, g.sequence FROM unnest($1::bigint[], $2::bigint[]) AS wanted (writer_id, begun_ns)
JOIN usage_gap g USING (writer_id, begun_ns)
