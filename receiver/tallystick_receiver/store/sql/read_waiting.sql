-- What waits to be rolled up of organisations with thresholds, and is new: over all metrics; null where it does not only
-- add up. One scan of usage_delta, which holds a few seconds; the arrays of what is not new are not read.
-- $1 snapshot (as text) in which what is not new was visible, or null for everything.
-- A row's xmin has 32 bits; it belongs to the epoch in which it is not in the future.
WITH page AS MATERIALIZED (
    SELECT d.org_id, d.quarter, d.mantissas, d.exponents, d.level_ns IS NULL AS is_sum
    FROM usage_delta d, (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next_xid) AS s
    WHERE d.org_id IN (SELECT org_id FROM threshold)
      AND ($1::text IS NULL OR NOT pg_visible_in_snapshot(
               (s.next_xid - (s.next_xid - d.xmin::text::bigint) % 4294967296)::text::xid8, $1::text::pg_snapshot))
)
SELECT org_id, quarter, CASE WHEN bool_and(amount IS NOT NULL) THEN sum(amount) END AS amount
FROM page, LATERAL (
    SELECT CASE WHEN is_sum AND min(mantissa) >= 0 THEN
               coalesce(sum(mantissa) FILTER (WHERE coalesce(exponent, 0) = 0), 0)
                   + coalesce(sum(usage_quantity(mantissa, exponent)) FILTER (WHERE exponent <> 0), 0)
           END AS amount
    FROM unnest(mantissas, exponents) AS e (mantissa, exponent)
) AS added
GROUP BY org_id, quarter
