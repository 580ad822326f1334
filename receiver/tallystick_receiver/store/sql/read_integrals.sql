-- Levels integrated over time: a sample holds until the next one of its set of dimensions, $12 at most.
-- A row's integral is the sum over its sets of dimensions; it is covered while any of them is. In the order of bucket
-- and names, after totals of each metric, where asked for: samples are chained once for both.
-- A whole day is read as one row (two, where a bucket's border cuts it) where all that is asked for of its organisation
-- is integrated over it and no gap is longer than the hold, and no delta waits; from quarters otherwise.
-- $1 org ids, $2 metric ids, $3 project id or null, $4 bucket unit or null, $5 time zone,
-- $6 by org, $7 by project, $8 dimension keys (empty: all of them as JSON), $9 filters (JSON: key -> values),
-- $10 start and $11 end of the window (or now) and $12 longest hold, in nanoseconds,
-- $13/$14 quarter and delta ranges, $15/$16 and $17/$18 point ranges, $19/$20 day range,
-- $21/$22/$23 quarters not to be read (org id, quarter, dims id) and $24/$25/$26/$27 their samples
-- (org id, dims id, time, quantity), $28 rows at most, or null, $29/$30 whole days that are over, of whose quarters none
-- is in the ranges, $31 whether totals are wanted,
-- $32/$33 those of these days that a bucket's border cuts, and before which hour.
-- Index: usage_quarter_hourly_level, usage_daily_pk, usage_level_hours_pk, usage_delta_org, usage_point_ts, usage_dims_pk.
-- OFFSET 0: each range is an index scan of its own, whatever the planner thinks of ranges.
WITH wanted AS MATERIALIZED (
    SELECT w.*, row_number() OVER () AS set_no,
           dense_rank() OVER (ORDER BY metric_id, group_org_id, group_project_id, project_org_id, dimensions) AS group_no
    FROM (
        SELECT d.org_id, d.dims_id, d.metric_id, CASE WHEN $6 THEN d.org_id END AS group_org_id,
               CASE WHEN $7 THEN d.project_id END AS group_project_id, CASE WHEN $7 THEN d.org_id END AS project_org_id,
               ARRAY(SELECT CASE key WHEN '' THEN d.attributes::text ELSE d.attributes ->> key END
                     FROM unnest($8::text[]) WITH ORDINALITY AS k (key, n) ORDER BY n) AS dimensions
        FROM usage_dims d
        WHERE d.org_id = ANY ($1::bigint[]) AND d.metric_id = ANY ($2::bigint[])
          AND ($3::bigint IS NULL OR d.project_id = $3)
          AND NOT EXISTS (
              SELECT FROM jsonb_each($9::text::jsonb) AS f (key, allowed)
              WHERE NOT coalesce(f.allowed ? (d.attributes ->> f.key), false))
    ) AS w
), cut AS (
    SELECT * FROM unnest($32::timestamptz[], $33::smallint[]) AS c (day, hour)
), unready AS MATERIALIZED (
    SELECT u.org_id, u.day
    FROM usage_daily u
    JOIN wanted w ON w.org_id = u.org_id AND w.dims_id = u.dims_id
    WHERE u.org_id = ANY ($1::bigint[]) AND u.day >= $29 AND u.day < $30 AND u.last_ns IS NOT NULL
      AND (u.integrated_points = u.points AND u.widest_ns <= $12) IS NOT TRUE
    UNION
    SELECT org_id, date_trunc('day', quarter, 'UTC')
    FROM usage_delta
    WHERE org_id = ANY ($1::bigint[]) AND level_ns IS NOT NULL AND quarter >= $29 AND quarter < $30
), source AS (
    SELECT u.org_id, u.dims_id, u.first_ns, u.last_ns, u.last, u.integral
    FROM (
        SELECT $1::bigint[] AS org_ids, lower, upper FROM unnest($13::timestamptz[], $14::timestamptz[]) AS r (lower, upper)
        UNION ALL
        SELECT array_agg(org_id), day, day + interval '24 hours' FROM unready GROUP BY day
    ) AS range, LATERAL (
        SELECT * FROM usage_quarter_hourly
        WHERE org_id = ANY (range.org_ids) AND quarter >= range.lower AND quarter < range.upper AND first_ns IS NOT NULL
        OFFSET 0
    ) AS u
    WHERE (u.org_id, u.quarter, u.dims_id)
          NOT IN (SELECT org_id, quarter, dims_id
                  FROM unnest($21::bigint[], $22::timestamptz[], $23::bigint[]) AS late (org_id, quarter, dims_id))
    UNION ALL
    SELECT org_id, dims_id, first_ns, last_ns, last, integral
    FROM usage_daily
    WHERE org_id = ANY ($1::bigint[]) AND day >= $29 AND day < $30 AND last_ns IS NOT NULL
      AND (org_id, day) NOT IN (SELECT org_id, day FROM unready) AND day NOT IN (SELECT day FROM cut)
    UNION ALL
    SELECT u.org_id, u.dims_id, CASE n WHEN 0 THEN first_ns[1] ELSE first_ns[before + 1] END,
           CASE n WHEN 0 THEN last_ns[before] ELSE last_ns[hours_count] END,
           CASE n WHEN 0 THEN last[before] ELSE last[hours_count] END,
           CASE n WHEN 0 THEN integral[before]
                  ELSE integral[hours_count]
                       - coalesce(integral[before] + last[before] * (first_ns[before + 1] - last_ns[before]), 0) END
    FROM cut c
    JOIN usage_level_hours u ON u.day = c.day
    CROSS JOIN LATERAL (SELECT width_bucket(c.hour - 1::smallint, u.hours), cardinality(u.hours)) AS h (before, hours_count)
    CROSS JOIN (VALUES (0), (1)) AS side (n)
    WHERE u.org_id = ANY ($1::bigint[]) AND u.day >= $29 AND u.day < $30
      AND (u.org_id, u.day) NOT IN (SELECT org_id, day FROM unready)
      AND CASE n WHEN 0 THEN before > 0 ELSE before < hours_count END
    UNION ALL
    SELECT t.org_id, e.dims_id, e.level_ns, e.level_ns, usage_quantity(e.mantissa, e.exponent), 0
    FROM usage_delta t, unnest(t.dims_ids, t.mantissas, t.exponents, t.level_ns) AS e (dims_id, mantissa, exponent, level_ns)
    WHERE t.org_id = ANY ($1::bigint[]) AND t.level_ns IS NOT NULL
      AND (t.quarter >= $29 AND t.quarter < $30
           OR EXISTS (SELECT FROM unnest($13::timestamptz[], $14::timestamptz[]) AS range (lower, upper)
                      WHERE t.quarter >= range.lower AND t.quarter < range.upper))
    UNION ALL
    SELECT p.org_id, s.dims_id, v.ns, v.ns, usage_quantity(p.mantissa, p.exponent), 0
    FROM (
        SELECT * FROM usage_point WHERE ts >= $15 AND ts < $16 AND org_id = ANY ($1::bigint[])
        UNION ALL
        SELECT * FROM usage_point WHERE ts >= $17 AND ts < $18 AND org_id = ANY ($1::bigint[])
    ) AS p
    JOIN usage_series s ON s.org_id = p.org_id AND s.series_id = p.series_id
    CROSS JOIN LATERAL (SELECT usage_end_ns(p.ts, p.end_rest)) AS v (ns)
    UNION ALL
    SELECT org_id, dims_id, ns, ns, quantity, 0
    FROM unnest($24::bigint[], $25::bigint[], $26::bigint[], $27::numeric[]) AS late (org_id, dims_id, ns, quantity)
    UNION ALL
    SELECT org_id, dims_id, last_ns, last_ns, last, 0
    FROM usage_daily
    WHERE org_id = ANY ($1::bigint[]) AND day >= $19 AND day < $20 AND last_ns IS NOT NULL
), held AS (
    -- In the order of time; of samples at one time the greatest is the last, and only it lasts.
    SELECT w.set_no, w.group_no, w.metric_id, s.first_ns, s.last_ns, s.last,
           CASE WHEN s.last_ns > $10 THEN s.integral ELSE 0 END AS integral,
           least(lead(s.first_ns) OVER chain, s.last_ns + $12::bigint, $11::bigint) AS until_ns,
           coalesce(lag(s.last_ns) OVER chain + $12 < s.first_ns, true) AS is_start
    FROM source s
    JOIN wanted w ON w.org_id = s.org_id AND w.dims_id = s.dims_id
    WINDOW chain AS (PARTITION BY w.set_no ORDER BY s.first_ns, s.last)
), piece AS (
    SELECT *, greatest(first_ns, $10) AS lower, greatest(last_ns, $10) AS middle,
           greatest(until_ns, last_ns, $10) AS upper,
           count(*) FILTER (WHERE is_start) OVER (PARTITION BY set_no ORDER BY first_ns, last ROWS UNBOUNDED PRECEDING)
               AS island
    FROM held
), bucketed AS (
    SELECT *,
           CASE WHEN $4::text IS NOT NULL AND lower < middle THEN
               date_trunc($4::text, 'epoch'::timestamptz + lower / 900000000000 * interval '15 minutes', $5::text) END
               AS bucket,
           CASE WHEN $4::text IS NOT NULL AND middle < upper THEN
               date_trunc($4::text, 'epoch'::timestamptz + middle / 900000000000 * interval '15 minutes', $5::text) END
               AS held_bucket,
           CASE WHEN $4::text IS NOT NULL AND middle < upper THEN
               date_trunc($4::text, 'epoch'::timestamptz + (upper - 1) / 900000000000 * interval '15 minutes', $5::text) END
               AS last_bucket
    FROM piece
    WHERE lower < upper
), part AS (
    SELECT set_no, group_no, metric_id, island, coalesce(bucket, held_bucket) AS bucket, lower, upper,
           integral + last * (upper - middle) AS integral
    FROM bucketed
    WHERE held_bucket IS NOT DISTINCT FROM last_bucket AND (lower = middle OR middle = upper OR bucket IS NOT DISTINCT FROM held_bucket)
    UNION ALL
    SELECT set_no, group_no, metric_id, island, bucket, lower, middle, integral
    FROM bucketed
    WHERE lower < middle AND middle < upper AND (bucket, bucket) IS DISTINCT FROM (held_bucket, last_bucket)
    UNION ALL
    -- What is held over the border of a bucket, quarter by quarter: every border is one of a quarter.
    SELECT b.set_no, b.group_no, b.metric_id, b.island,
           date_trunc($4::text, 'epoch'::timestamptz + n * interval '15 minutes', $5::text),
           v.lower, v.upper, b.last * (v.upper - v.lower)
    FROM bucketed b
    CROSS JOIN LATERAL generate_series(b.middle / 900000000000, (b.upper - 1) / 900000000000) AS n
    CROSS JOIN LATERAL (
        SELECT greatest(b.middle, n * 900000000000), least(b.upper, (n + 1) * 900000000000)
    ) AS v (lower, upper)
    WHERE b.middle < b.upper AND (b.held_bucket IS DISTINCT FROM b.last_bucket
          OR (b.lower < b.middle AND b.bucket IS DISTINCT FROM b.held_bucket))
), island AS MATERIALIZED (
    SELECT set_no, group_no, metric_id, island, bucket, min(lower) AS lower, max(upper) AS upper,
           CASE WHEN count(*) = count(integral) THEN sum(integral) END AS integral
    FROM part
    GROUP BY set_no, group_no, metric_id, island, bucket
), span AS (
    SELECT group_no, metric_id, bucket, lower, upper, integral FROM island
    UNION ALL
    -- A total has no group; what buckets cut is whole again.
    SELECT NULL, metric_id, NULL, min(lower), max(upper), CASE WHEN count(*) = count(integral) THEN sum(integral) END
    FROM island
    WHERE $31
    GROUP BY set_no, metric_id, island
), counted AS (
    SELECT group_no, metric_id, bucket, integral,
           greatest(0, upper - greatest(lower, max(upper) OVER (
               PARTITION BY group_no, metric_id, bucket ORDER BY lower ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING))) AS covered
    FROM span
), grouped AS MATERIALIZED (
    SELECT group_no, metric_id, bucket, CASE WHEN count(*) = count(integral) THEN sum(integral) END AS integral,
           sum(covered)::bigint AS covered
    FROM counted
    GROUP BY 1, 2, 3
), named AS (
    SELECT DISTINCT group_no, group_org_id, group_project_id, project_org_id, dimensions FROM wanted
)
SELECT g.group_no IS NULL AS is_total, o.name AS org, p.name AS project, g.metric_id, g.bucket, n.dimensions, g.integral,
       g.covered
FROM grouped g
JOIN usage_metric m USING (metric_id)
LEFT JOIN named n USING (group_no)
LEFT JOIN usage_org o ON o.org_id = n.group_org_id
LEFT JOIN usage_project p ON p.org_id = n.project_org_id AND p.project_id = n.group_project_id
ORDER BY is_total DESC, g.bucket, o.name COLLATE "C", p.name COLLATE "C", m.key COLLATE "C", m.unit COLLATE "C",
         n.dimensions COLLATE "C", n.project_org_id, g.metric_id
LIMIT $28
