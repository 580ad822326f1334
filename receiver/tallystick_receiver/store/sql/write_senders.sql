-- $1 writers, $2 begins, $3 intervals, $4 accounted to, $5 last ends, $6 last received, $7 whether ended, $8 check_after.
INSERT INTO usage_sender (writer_id, begun_ns, interval_ns, accounted_to_ns, last_end_ns, last_received_at, has_ended,
                          check_after)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::timestamptz[],
                     $7::boolean[], $8::timestamptz[])
ON CONFLICT (writer_id, begun_ns) DO UPDATE
SET interval_ns = CASE WHEN excluded.interval_ns > 0 THEN excluded.interval_ns ELSE usage_sender.interval_ns END,
    accounted_to_ns = excluded.accounted_to_ns,
    last_end_ns = greatest(usage_sender.last_end_ns, excluded.last_end_ns),
    last_received_at = greatest(usage_sender.last_received_at, excluded.last_received_at),
    has_ended = usage_sender.has_ended OR excluded.has_ended,
    check_after = excluded.check_after
