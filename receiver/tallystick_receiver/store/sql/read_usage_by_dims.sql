-- Usage of sums by any dimension, in the order of bucket and names.
-- $1 org ids, $2 metric ids, $3 project id or null, $4 bucket unit or null, $5 time zone,
-- $6 by org, $7 by project, $8/$9 delta range, $10/$11 and $12/$13 point ranges, $14/$15 quarter ranges,
-- $16/$17 day ranges, $18 dimension keys (empty: all of them as JSON), $19 filters (JSON: key -> values),
-- $20 rows at most, or null.
-- Index: usage_daily_pk, usage_quarter_hourly_pk, usage_delta_org, usage_point_ts, usage_dims_pk, usage_dims_kept_pk.
-- OFFSET 0: each range is an index scan of its own, whatever the planner thinks of ranges.
WITH page AS MATERIALIZED (
    SELECT org_id, CASE WHEN $4::text IS NOT NULL THEN date_trunc($4::text, quarter, $5::text) END AS ts, dims_ids,
           mantissas, exponents, points
    FROM usage_delta
    WHERE org_id = ANY ($1::bigint[]) AND quarter >= $8 AND quarter < $9 AND level_ns IS NULL
), waiting AS MATERIALIZED (
    SELECT t.org_id, t.ts, e.dims_id,
           coalesce(sum(e.mantissa) FILTER (WHERE coalesce(e.exponent, 0) = 0), 0)
               + coalesce(sum(usage_quantity(e.mantissa, e.exponent)) FILTER (WHERE e.exponent <> 0), 0) AS quantity,
           sum(coalesce(e.points, 1)) AS points
    FROM page t, unnest(t.dims_ids, t.mantissas, t.exponents, t.points) AS e (dims_id, mantissa, exponent, points)
    GROUP BY 1, 2, 3
), wanted AS MATERIALIZED (
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
    SELECT org_id, ts, dims_id, quantity, points FROM waiting
    UNION ALL
    SELECT p.org_id, p.ts, coalesce(k.kept_id, s.dims_id), usage_quantity(p.mantissa, p.exponent), 1
    FROM (
        SELECT * FROM usage_point WHERE ts >= $10 AND ts < $11 AND org_id = ANY ($1::bigint[])
        UNION ALL
        SELECT * FROM usage_point WHERE ts >= $12 AND ts < $13 AND org_id = ANY ($1::bigint[])
    ) AS p
    JOIN usage_series s ON s.org_id = p.org_id AND s.series_id = p.series_id
    LEFT JOIN LATERAL (
        SELECT kept_id FROM usage_dims_kept
        WHERE org_id = s.org_id AND dims_id = s.dims_id AND starts <= p.ts
        ORDER BY starts DESC LIMIT 1
    ) AS k ON true
    UNION ALL
    SELECT u.org_id, u.quarter, u.dims_id, u.quantity, u.points
    FROM unnest($14::timestamptz[], $15::timestamptz[]) AS range (lower, upper), LATERAL (
        SELECT * FROM usage_quarter_hourly
        WHERE org_id = ANY ($1::bigint[]) AND quarter >= range.lower AND quarter < range.upper AND last_ns IS NULL
        OFFSET 0
    ) AS u
    UNION ALL
    SELECT u.org_id, u.day, u.dims_id, u.quantity, u.points
    FROM unnest($16::timestamptz[], $17::timestamptz[]) AS range (lower, upper), LATERAL (
        SELECT * FROM usage_daily
        WHERE org_id = ANY ($1::bigint[]) AND day >= range.lower AND day < range.upper AND last_ns IS NULL
        OFFSET 0
    ) AS u
), grouped AS MATERIALIZED (
    SELECT CASE WHEN $6 THEN w.org_id END AS org_id, CASE WHEN $7 THEN w.project_id END AS project_id, w.metric_id,
           CASE WHEN $4::text IS NOT NULL THEN date_trunc($4::text, s.ts, $5::text) END AS bucket,
           CASE WHEN $7 THEN w.org_id END AS project_org_id, w.dimensions,
           sum(s.quantity) AS quantity, sum(s.points) AS points
    FROM source s
    JOIN wanted w ON w.org_id = s.org_id AND w.dims_id = s.dims_id
    GROUP BY 1, 2, 3, 4, 5, 6
)
SELECT o.name AS org, p.name AS project, g.metric_id, g.bucket, g.dimensions, g.quantity, g.points::bigint AS points
FROM grouped g
JOIN usage_metric m USING (metric_id)
LEFT JOIN usage_org o ON o.org_id = g.org_id
LEFT JOIN usage_project p ON p.org_id = g.project_org_id AND p.project_id = g.project_id
ORDER BY g.bucket, o.name COLLATE "C", p.name COLLATE "C", m.key COLLATE "C", m.unit COLLATE "C",
         g.dimensions COLLATE "C", g.project_org_id, g.metric_id
LIMIT $20
