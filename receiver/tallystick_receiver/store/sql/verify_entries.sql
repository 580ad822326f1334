-- The ledger's arrays against the points, copy by copy: no identity is there more often than it was acknowledged.
-- $1/$2 window in UTC days, $3 organisation or null, $4 differences at most.
-- Index: usage_point_ts, partitions of usage_collection.
WITH series AS MATERIALIZED (
    SELECT series_id FROM usage_series WHERE org_id = $3
), collection AS (
    SELECT c.writer_id, timestamptz 'epoch' + (c.end_ns - 1) / 1000 * interval '1 microsecond' AS ts,
           ((c.end_ns - 1) % 1000)::smallint AS end_rest, c.start_ns[1] AS start_ns,
           CASE WHEN cardinality(c.start_ns) > 1 THEN c.start_ns END AS starts_ns, c.series_ids, c.mantissas, c.exponents
    FROM usage_collection c
    WHERE c.end_ns > extract(epoch FROM $1::timestamptz)::bigint * 1000000000
      AND c.end_ns <= extract(epoch FROM $2::timestamptz)::bigint * 1000000000
), ledger AS (
    SELECT c.writer_id, e.series_id, c.ts, c.end_rest, coalesce(e.start_ns, c.start_ns) AS start_ns, e.mantissa,
           coalesce(e.exponent, 0::smallint) AS exponent, count(*) AS copies
    FROM collection c,
         unnest(c.series_ids, c.mantissas, c.exponents, c.starts_ns) AS e (series_id, mantissa, exponent, start_ns)
    WHERE $3::bigint IS NULL OR e.series_id IN (SELECT series_id FROM series)
    GROUP BY 1, 2, 3, 4, 5, 6, 7
), point AS (
    SELECT t.writer_id, t.series_id, t.ts, t.end_rest, t.start_ns, t.mantissa, t.exponent, count(*) AS copies,
           min(t.org_id) AS org_id
    FROM usage_point t
    WHERE t.ts >= $1 AND t.ts < $2 AND ($3::bigint IS NULL OR t.org_id = $3)
    GROUP BY 1, 2, 3, 4, 5, 6, 7
), d AS (
    SELECT coalesce(org_id, (SELECT s.org_id FROM usage_series s WHERE s.series_id = different.series_id LIMIT 1)) AS org_id,
           series_id, writer_id, ts AS at, end_rest, usage_quantity(mantissa, exponent) AS quantity, left_points,
           right_points
    FROM (
        SELECT org_id, series_id, writer_id, ts, end_rest, mantissa, exponent, coalesce(l.copies, 0) AS left_points,
               coalesce(p.copies, 0) AS right_points
        FROM ledger l
        FULL JOIN point p USING (writer_id, series_id, ts, end_rest, start_ns, mantissa, exponent)
        WHERE l.copies IS DISTINCT FROM p.copies
    ) AS different
)
SELECT o.name AS org, p.name AS project, m.key AS metric,
       format('%s of %s ending at %s ns', n.attributes, w.instance, usage_end_ns(d.at, d.end_rest)) AS detail, d.at,
       d.quantity::text AS left_quantity, d.left_points, d.quantity::text AS right_quantity, d.right_points,
       count(*) OVER () AS differences
FROM d
LEFT JOIN usage_writer w ON w.writer_id = d.writer_id
LEFT JOIN usage_series s ON s.org_id = d.org_id AND s.series_id = d.series_id
LEFT JOIN usage_org o ON o.org_id = d.org_id
LEFT JOIN usage_dims n ON n.org_id = s.org_id AND n.dims_id = s.dims_id
LEFT JOIN usage_project p ON p.org_id = d.org_id AND p.project_id = n.project_id
LEFT JOIN usage_metric m ON m.metric_id = n.metric_id
ORDER BY d.at, 1, 2, 3
LIMIT $4
