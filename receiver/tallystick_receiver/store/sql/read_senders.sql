-- Senders that may have more to tell about a window: those that did not end, or not all of whose collections are
-- accounted for. And how many announce at all in that window.
-- $1 after (ns), $2 until (ns), $3 organisation or null for all, $4 now, $5 silent after at least, $6 given up after,
-- $7 at most so many rows, those that are waited for first.
WITH relevant AS (
    SELECT s.writer_id, s.begun_ns, s.interval_ns, s.accounted_to_ns, s.last_received_at, w.credential_org, w.namespace,
           w.name, w.instance, NOT s.has_ended OR s.accounted_to_ns < s.last_end_ns AS is_open,
           NOT s.has_ended AND s.last_received_at + greatest($5::interval, s.interval_ns / 1e9 * interval '3 seconds')
               < $4::timestamptz AS is_silent,
           s.last_received_at + $6::interval < $4 AS is_given_up
    FROM usage_sender s JOIN usage_writer w USING (writer_id)
    WHERE s.begun_ns < $2::bigint AND (NOT s.has_ended OR s.last_end_ns > $1::bigint)
        AND ($3::text IS NULL OR w.credential_org IS NULL OR w.credential_org = $3)
)
SELECT r.*, count(*) OVER () AS senders
FROM relevant r
WHERE NOT r.is_given_up OR NOT r.is_open OR r.accounted_to_ns + r.interval_ns > $1
ORDER BY r.is_open DESC, r.accounted_to_ns, r.writer_id, r.begun_ns
LIMIT $7
