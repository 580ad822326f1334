-- The ledger's totals, sealed or not, against the points, per writer, metric and hour.
-- $1/$2 window in UTC days, $3 unused (the ledger is not kept by organisation), $4 differences at most.
-- Index: usage_point_ts, usage_collection_hourly_pk, partitions of usage_collection.
WITH by_series AS (
    SELECT t.writer_id, t.org_id, t.series_id, date_bin('1 hour', t.ts, 'epoch'::timestamptz) AS at,
           coalesce(sum(t.mantissa) FILTER (WHERE t.exponent = 0), 0)
               + coalesce(sum(usage_quantity(t.mantissa, t.exponent)) FILTER (WHERE t.exponent <> 0), 0) AS quantity,
           count(*) AS points
    FROM usage_point t
    WHERE t.ts >= $1 AND t.ts < $2 AND $3::bigint IS NULL
    GROUP BY 1, 2, 3, 4
), counted AS (
    SELECT b.writer_id, x.metric_id, b.at, sum(b.quantity) AS quantity, sum(b.points) AS points
    FROM by_series b
    LEFT JOIN usage_series s ON s.org_id = b.org_id AND s.series_id = b.series_id
    LEFT JOIN usage_dims x ON x.org_id = s.org_id AND x.dims_id = s.dims_id
    GROUP BY 1, 2, 3
), part AS (
    SELECT c.writer_id, e.metric_id, to_timestamp((c.end_ns - 1) / 3600000000000 * 3600) AS at, e.quantity, e.points
    FROM usage_collection c, unnest(c.metric_ids, c.metric_points, c.metric_sums) AS e (metric_id, points, quantity)
    WHERE c.end_ns > extract(epoch FROM $1::timestamptz)::bigint * 1000000000
      AND c.end_ns <= extract(epoch FROM $2::timestamptz)::bigint * 1000000000
    UNION ALL
    SELECT h.writer_id, h.metric_id, h.hour, h.quantity, h.points
    FROM usage_collection_hourly h
    WHERE h.hour >= $1 AND h.hour < $2
), ledger AS (
    SELECT writer_id, metric_id, at, sum(quantity) AS quantity, sum(points) AS points
    FROM part
    GROUP BY 1, 2, 3
), d AS (
    SELECT writer_id, metric_id, at, l.quantity AS left_quantity, l.points AS left_points,
           c.quantity AS right_quantity, c.points AS right_points
    FROM ledger l
    FULL JOIN counted c USING (writer_id, metric_id, at)
    WHERE (l.quantity, l.points) IS DISTINCT FROM (c.quantity, c.points)
)
SELECT NULL AS org, NULL AS project, m.key AS metric, format('%s %s', w.name, w.instance) AS detail, d.at,
       d.left_quantity::text, d.left_points, d.right_quantity::text, d.right_points, count(*) OVER () AS differences
FROM d
LEFT JOIN usage_writer w ON w.writer_id = d.writer_id
LEFT JOIN usage_metric m ON m.metric_id = d.metric_id
ORDER BY d.at, 3, 4
LIMIT $4
