-- What may be counted more than once in a window.
-- $1 after (ns), $2 until (ns), $3 organisation or null, $4 metrics or null, $5 at most so many. Index: usage_copy_time.
SELECT m.key, m.unit, m.kind, g.start_ns, g.end_ns, g.points, g.quantity, w.credential_org, w.namespace, w.name, w.instance
FROM usage_copy g JOIN usage_metric m USING (metric_id) JOIN usage_writer w USING (writer_id)
WHERE g.end_ns > $1 AND g.start_ns < $2 AND m.kind <> 'operations'
    AND ($3::text IS NULL OR w.credential_org IS NULL OR w.credential_org = $3)
    AND ($4::bigint[] IS NULL OR g.metric_id = ANY($4))
ORDER BY g.start_ns, g.writer_id, m.key, m.unit
LIMIT $5
