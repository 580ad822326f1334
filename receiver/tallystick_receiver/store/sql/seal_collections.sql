-- The totals of one partition of the ledger, by hour; collections count in the hour of their end less a nanosecond.
INSERT INTO usage_collection_hourly AS h (writer_id, hour, metric_id, collections, points, quantity)
SELECT c.writer_id, to_timestamp((c.end_ns - 1) / 3600000000000 * 3600), m.metric_id, count(*), sum(m.points), sum(m.quantity)
FROM usage_collection_partition c, unnest(c.metric_ids, c.metric_points, c.metric_sums) AS m (metric_id, points, quantity)
GROUP BY 1, 2, 3
ORDER BY 2, 1, 3
ON CONFLICT (hour, writer_id, metric_id) DO UPDATE
SET collections = h.collections + excluded.collections, points = h.points + excluded.points,
    quantity = h.quantity + excluded.quantity
