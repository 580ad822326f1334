-- Levels: per set of dimensions the last, lowest and highest sample of a bucket; over several sets the last ones add
-- up, lowest and highest are those of any single sample. What holds between samples is read by read_integrals.sql.
-- Totals of each metric first, where asked for.
-- Parameters and indexes as in read_usage_by_dims.sql, $21 whether totals are wanted, and usage_quarter_hourly_level.
-- OFFSET 0: each range is an index scan of its own, whatever the planner thinks of ranges.
WITH wanted AS MATERIALIZED (
    SELECT d.org_id, d.dims_id, d.project_id, d.metric_id,
           ARRAY(SELECT CASE key WHEN '' THEN d.attributes::text ELSE d.attributes ->> key END
                 FROM unnest($18::text[]) WITH ORDINALITY AS k (key, n) ORDER BY n) AS dimensions
    FROM usage_dims d
    WHERE d.org_id = ANY ($1::bigint[]) AND d.metric_id = ANY ($2::bigint[])
      AND ($3::bigint IS NULL OR d.project_id = $3)
      AND NOT EXISTS (
          SELECT FROM jsonb_each($19::text::jsonb) AS f (key, allowed)
          WHERE NOT coalesce(f.allowed ? (d.attributes ->> f.key), false))
), source AS (
    SELECT t.org_id, t.quarter AS ts, e.dims_id, coalesce(e.points, 1)::bigint AS points,
           usage_quantity(e.mantissa, e.exponent) AS lowest, usage_quantity(e.mantissa, e.exponent) AS highest,
           usage_quantity(e.mantissa, e.exponent) AS last, e.level_ns AS last_ns
    FROM usage_delta t,
         unnest(t.dims_ids, t.mantissas, t.exponents, t.points, t.level_ns)
             AS e (dims_id, mantissa, exponent, points, level_ns)
    WHERE t.org_id = ANY ($1::bigint[]) AND t.quarter >= $8 AND t.quarter < $9 AND t.level_ns IS NOT NULL
    UNION ALL
    SELECT p.org_id, p.ts, s.dims_id, 1, v.quantity, v.quantity, v.quantity,
           usage_end_ns(p.ts, p.end_rest)
    FROM (
        SELECT * FROM usage_point WHERE ts >= $10 AND ts < $11 AND org_id = ANY ($1::bigint[])
        UNION ALL
        SELECT * FROM usage_point WHERE ts >= $12 AND ts < $13 AND org_id = ANY ($1::bigint[])
    ) AS p
    JOIN usage_series s ON s.org_id = p.org_id AND s.series_id = p.series_id
    CROSS JOIN LATERAL (SELECT usage_quantity(p.mantissa, p.exponent)) AS v (quantity)
    UNION ALL
    SELECT u.org_id, u.quarter, u.dims_id, u.points, u.lowest, u.highest, u.last, u.last_ns
    FROM unnest($14::timestamptz[], $15::timestamptz[]) AS range (lower, upper), LATERAL (
        SELECT * FROM usage_quarter_hourly
        WHERE org_id = ANY ($1::bigint[]) AND quarter >= range.lower AND quarter < range.upper AND first_ns IS NOT NULL
        OFFSET 0
    ) AS u
    UNION ALL
    SELECT u.org_id, u.day, u.dims_id, u.points, u.lowest, u.highest, u.last, u.last_ns
    FROM unnest($16::timestamptz[], $17::timestamptz[]) AS range (lower, upper), LATERAL (
        SELECT * FROM usage_daily
        WHERE org_id = ANY ($1::bigint[]) AND day >= range.lower AND day < range.upper AND last_ns IS NOT NULL
        OFFSET 0
    ) AS u
), by_set AS MATERIALIZED (
    SELECT w.org_id, w.project_id, w.metric_id, w.dimensions,
           CASE WHEN $4::text IS NOT NULL THEN date_trunc($4::text, s.ts, $5::text) END AS bucket, w.dims_id,
           sum(s.points) AS points, min(s.lowest) AS lowest,
           max(s.highest) AS highest, (array_agg(s.last ORDER BY s.last_ns DESC, s.last DESC))[1] AS last,
           max(s.last_ns) AS last_ns
    FROM source s
    JOIN wanted w ON w.org_id = s.org_id AND w.dims_id = s.dims_id
    GROUP BY 1, 2, 3, 4, 5, 6
), grouped AS MATERIALIZED (
    SELECT CASE WHEN $6 THEN org_id END AS org_id, CASE WHEN $7 THEN project_id END AS project_id, metric_id, bucket,
           CASE WHEN $7 THEN org_id END AS project_org_id, dimensions, sum(points) AS points,
           min(lowest) AS lowest, max(highest) AS highest, sum(last) AS last, false AS is_total
    FROM by_set
    GROUP BY 1, 2, 3, 4, 5, 6
    UNION ALL
    SELECT NULL, NULL, metric_id, NULL, NULL, NULL, sum(points), min(lowest), max(highest), sum(last), true
    FROM (
        SELECT metric_id, sum(points) AS points, min(lowest) AS lowest, max(highest) AS highest,
               (array_agg(last ORDER BY last_ns DESC))[1] AS last
        FROM by_set
        WHERE $21
        GROUP BY org_id, metric_id, dims_id
    ) AS whole
    GROUP BY metric_id
)
SELECT g.is_total, o.name AS org, p.name AS project, g.metric_id, g.bucket, g.dimensions, g.last AS quantity,
       g.points::bigint AS points, g.lowest, g.highest
FROM grouped g
JOIN usage_metric m USING (metric_id)
LEFT JOIN usage_org o ON o.org_id = g.org_id
LEFT JOIN usage_project p ON p.org_id = g.project_org_id AND p.project_id = g.project_id
ORDER BY g.is_total DESC, g.bucket, o.name COLLATE "C", p.name COLLATE "C", m.key COLLATE "C", m.unit COLLATE "C",
         g.dimensions COLLATE "C", g.project_org_id, g.metric_id
LIMIT $20
