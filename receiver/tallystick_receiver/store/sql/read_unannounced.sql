-- Who wrote within a window without announcing anything at that time.
-- $1 from, $2 to, $3 organisation or null, $4 metrics or null, $5 at most so many.
SELECT w.credential_org, w.namespace, w.name, w.instance, min(p.hour) AS first, max(p.hour) + interval '1 hour' AS last
FROM usage_presence p JOIN usage_writer w USING (writer_id)
WHERE p.hour > $1::timestamptz - interval '1 hour' AND p.hour < $2::timestamptz
    AND ($3::text IS NULL OR w.credential_org IS NULL OR w.credential_org = $3)
    AND ($4::bigint[] IS NULL OR p.metric_id = ANY($4))
    AND NOT EXISTS (
        SELECT FROM usage_sender s
        WHERE s.writer_id = p.writer_id
            AND s.begun_ns < (extract(epoch FROM p.hour)::bigint + 3600) * 1000000000
            AND (NOT s.has_ended OR s.last_end_ns > extract(epoch FROM p.hour)::bigint * 1000000000)
    )
GROUP BY p.writer_id, w.credential_org, w.namespace, w.name, w.instance
ORDER BY last DESC, p.writer_id
LIMIT $5
