-- Points came of collections that were announced before: the balancer shall look at them again, at once. One that it
-- looks at just now is left to it.
-- $1 writers, $2 ends (ns), $3 now. Index: usage_announcement_pk.
UPDATE usage_announcement a SET check_after = $3
FROM (
    SELECT d.writer_id, d.begun_ns, d.sequence
    FROM unnest($1::bigint[], $2::bigint[]) AS came (writer_id, end_ns)
    JOIN usage_announcement d ON d.writer_id = came.writer_id AND d.end_ns = came.end_ns
    WHERE d.check_after > $3
    FOR UPDATE OF d SKIP LOCKED
) AS found
WHERE a.writer_id = found.writer_id AND a.begun_ns = found.begun_ns AND a.sequence = found.sequence
