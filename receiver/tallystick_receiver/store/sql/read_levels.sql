-- Levels: per set of dimensions the last, lowest and highest sample of a bucket; over several sets the last ones add
-- up, lowest and highest are those of any single sample. What holds between samples is read by read_integrals.sql.
-- Totals of each metric first, where asked for. A day that a bucket's border cuts is read as two halves of one row where
-- its figures by hour are those of all samples that were rolled up, and from quarters otherwise.
-- Parameters and indexes as in read_usage_by_dims.sql, $21 whether totals are wanted, $22/$23 whole days that may be cut, of
-- whose quarters none is in the ranges, $24/$25 where, as in read_integrals.sql, usage_quarter_hourly_level
-- and usage_level_hours_pk.
-- OFFSET 0: each range is an index scan of its own, whatever the planner thinks of ranges.
WITH wanted AS MATERIALIZED (
    SELECT row_number() OVER () AS set_no, d.org_id, d.dims_id, d.project_id, d.metric_id,
           ARRAY(SELECT CASE key WHEN '' THEN d.attributes::text ELSE d.attributes ->> key END
                 FROM unnest($18::text[]) WITH ORDINALITY AS k (key, n) ORDER BY n) AS dimensions
    FROM usage_dims d
    WHERE d.org_id = ANY ($1::bigint[]) AND d.metric_id = ANY ($2::bigint[])
      AND ($3::bigint IS NULL OR d.project_id = $3)
      AND NOT EXISTS (
          SELECT FROM jsonb_each($19::text::jsonb) AS f (key, allowed)
          WHERE NOT coalesce(f.allowed ? (d.attributes ->> f.key), false))
), cut AS (
    SELECT * FROM unnest($24::timestamptz[], $25::smallint[]) AS c (day, hour)
), unready AS MATERIALIZED (
    SELECT u.day, u.org_id
    FROM usage_daily u
    JOIN wanted w ON w.org_id = u.org_id AND w.dims_id = u.dims_id
    WHERE u.org_id = ANY ($1::bigint[]) AND u.day >= $22 AND u.day < $23 AND u.last_ns IS NOT NULL
      AND u.integrated_points IS DISTINCT FROM u.points
    GROUP BY 1, 2
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
    FROM (
        SELECT $1::bigint[] AS org_ids, lower, upper FROM unnest($14::timestamptz[], $15::timestamptz[]) AS r (lower, upper)
        UNION ALL
        SELECT array_agg(org_id), day, day + interval '24 hours' FROM unready GROUP BY day
    ) AS range, LATERAL (
        SELECT * FROM usage_quarter_hourly
        WHERE org_id = ANY (range.org_ids) AND quarter >= range.lower AND quarter < range.upper AND first_ns IS NOT NULL
        OFFSET 0
    ) AS u
    UNION ALL
    SELECT u.org_id, u.day, u.dims_id, u.points, u.lowest, u.highest, u.last, u.last_ns
    FROM unnest($16::timestamptz[], $17::timestamptz[]) AS range (lower, upper), LATERAL (
        SELECT * FROM usage_daily
        WHERE org_id = ANY ($1::bigint[]) AND day >= range.lower AND day < range.upper AND last_ns IS NOT NULL
        OFFSET 0
    ) AS u
    UNION ALL
    SELECT org_id, day, dims_id, points, lowest, highest, last, last_ns
    FROM usage_daily
    WHERE org_id = ANY ($1::bigint[]) AND day >= $22 AND day < $23 AND last_ns IS NOT NULL
      AND (org_id, day) NOT IN (SELECT org_id, day FROM unready) AND day NOT IN (SELECT day FROM cut)
    UNION ALL
    SELECT u.org_id, CASE n WHEN 0 THEN u.day ELSE u.day + c.hour * interval '1 hour' END, u.dims_id,
           CASE n WHEN 0 THEN points[before] ELSE points[hours_count] - coalesce(points[before], 0) END,
           CASE n WHEN 0 THEN lowest_until[before] ELSE lowest_from[before + 1] END,
           CASE n WHEN 0 THEN highest_until[before] ELSE highest_from[before + 1] END,
           CASE n WHEN 0 THEN last[before] ELSE last[hours_count] END,
           CASE n WHEN 0 THEN last_ns[before] ELSE last_ns[hours_count] END
    FROM cut c
    JOIN usage_level_hours u ON u.day = c.day
    CROSS JOIN LATERAL (SELECT width_bucket(c.hour - 1::smallint, u.hours), cardinality(u.hours)) AS h (before, hours_count)
    CROSS JOIN (VALUES (0), (1)) AS side (n)
    WHERE u.org_id = ANY ($1::bigint[]) AND u.day >= $22 AND u.day < $23
      AND (u.org_id, u.day) NOT IN (SELECT org_id, day FROM unready)
      AND CASE n WHEN 0 THEN before > 0 ELSE before < hours_count END
), by_set AS MATERIALIZED (
    -- The greatest pair of time and sample is the last one: an aggregate that needs no order.
    SELECT w.set_no, CASE WHEN $4::text IS NOT NULL THEN date_trunc($4::text, s.ts, $5::text) END AS bucket,
           sum(s.points) AS points, min(s.lowest) AS lowest, max(s.highest) AS highest,
           max(ARRAY[s.last_ns, s.last]) AS last
    FROM source s
    JOIN wanted w ON w.org_id = s.org_id AND w.dims_id = s.dims_id
    GROUP BY 1, 2
), whole AS (
    SELECT set_no, sum(points) AS points, min(lowest) AS lowest, max(highest) AS highest, max(last) AS last
    FROM by_set
    WHERE $21
    GROUP BY 1
), grouped AS MATERIALIZED (
    SELECT CASE WHEN $6 THEN w.org_id END AS org_id, CASE WHEN $7 THEN w.project_id END AS project_id, w.metric_id,
           s.bucket, CASE WHEN $7 THEN w.org_id END AS project_org_id, w.dimensions, sum(s.points) AS points,
           min(s.lowest) AS lowest, max(s.highest) AS highest, sum(s.last[2]) AS last, false AS is_total
    FROM by_set s
    JOIN wanted w USING (set_no)
    GROUP BY 1, 2, 3, 4, 5, 6
    UNION ALL
    SELECT NULL, NULL, w.metric_id, NULL, NULL, NULL, sum(s.points), min(s.lowest), max(s.highest), sum(s.last[2]), true
    FROM whole s
    JOIN wanted w USING (set_no)
    GROUP BY w.metric_id
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
