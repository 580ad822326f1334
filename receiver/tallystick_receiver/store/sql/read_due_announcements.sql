-- Announced collections that are to be compared now, with each part that the ledger holds of them.
-- $1 now, $2 at most so many. Index: usage_announcement_due, usage_collection_pk.
SELECT a.*, c.metric_ids, c.metric_points, c.metric_sums::text[] AS metric_sums
FROM (SELECT * FROM usage_announcement WHERE check_after <= $1 ORDER BY check_after LIMIT $2) AS a
LEFT JOIN LATERAL (
    SELECT l.metric_ids, l.metric_points, l.metric_sums FROM usage_collection l
    WHERE l.writer_id = a.writer_id AND l.end_ns = a.end_ns OFFSET 0
) AS c ON true
