-- What waits to be rolled up of organisations with thresholds, and is new: over all metrics; null where it does not only
-- add up. One scan of usage_delta, which holds a few seconds; its arrays are not read.
-- $1 snapshot (as text) in which what is not new was visible, or null for everything.
-- A row's xmin has 32 bits; it belongs to the epoch in which it is not in the future.
SELECT d.org_id, d.quarter, CASE WHEN bool_and(d.amount IS NOT NULL) THEN sum(d.amount) END AS amount
FROM usage_delta d, (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next_xid) AS s
WHERE d.org_id IN (SELECT org_id FROM threshold)
  AND ($1::text IS NULL OR NOT pg_visible_in_snapshot(
           (s.next_xid - (s.next_xid - d.xmin::text::bigint) % 4294967296)::text::xid8, $1::text::pg_snapshot))
GROUP BY d.org_id, d.quarter
