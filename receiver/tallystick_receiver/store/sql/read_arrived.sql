-- What the ledger holds of a writer within a time, by metric. $1 writer, $2 after (ns), $3 until (ns).
SELECT m.metric_id, sum(m.points) AS points, sum(m.quantity) AS quantity
FROM usage_collection c, unnest(c.metric_ids, c.metric_points, c.metric_sums) AS m (metric_id, points, quantity)
WHERE c.writer_id = $1 AND c.end_ns > $2 AND c.end_ns <= $3
GROUP BY 1
