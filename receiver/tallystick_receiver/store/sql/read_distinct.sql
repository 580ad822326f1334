-- Distinct values of a dimension in a window, whatever its type, as groupBy shows them: of sums and histograms those
-- with usage, of levels those with samples.
-- $1 org ids, $2 metric ids, $3 project id or null, $4 by org, $5 by project, $6/$7 delta range,
-- $8/$9 and $10/$11 point ranges, $12/$13 quarter ranges, $14/$15 day ranges, $16 dimension keys,
-- $17 filters (JSON: key -> values), $18 the dimension.
-- Index: usage_daily_pk, usage_quarter_hourly_pk, usage_delta_org, usage_point_ts, usage_dims_pk, usage_dims_kept_pk.
-- OFFSET 0: each range is an index scan of its own, whatever the planner thinks of ranges.
WITH wanted AS MATERIALIZED (
    SELECT d.org_id, d.dims_id, d.project_id, d.metric_id, d.attributes ->> $18::text AS value,
           ARRAY(SELECT d.attributes ->> key
                 FROM unnest($16::text[]) WITH ORDINALITY AS k (key, n) ORDER BY n) AS dimensions
    FROM usage_dims d
    WHERE d.org_id = ANY ($1::bigint[]) AND d.metric_id = ANY ($2::bigint[])
      AND ($3::bigint IS NULL OR d.project_id = $3)
      AND d.attributes ->> $18::text IS NOT NULL
      AND NOT EXISTS (
          SELECT FROM jsonb_each($17::text::jsonb) AS f (key, allowed)
          WHERE NOT coalesce(f.allowed ? (d.attributes ->> f.key), false))
), source AS (
    SELECT t.org_id, e.dims_id, usage_quantity(e.mantissa, coalesce(e.exponent, 0::smallint)) AS quantity
    FROM usage_delta t, unnest(t.dims_ids, t.mantissas, t.exponents) AS e (dims_id, mantissa, exponent)
    WHERE t.org_id = ANY ($1::bigint[]) AND t.quarter >= $6 AND t.quarter < $7
    UNION ALL
    SELECT p.org_id, coalesce(k.kept_id, s.dims_id), usage_quantity(p.mantissa, p.exponent)
    FROM (
        SELECT * FROM usage_point WHERE ts >= $8 AND ts < $9 AND org_id = ANY ($1::bigint[])
        UNION ALL
        SELECT * FROM usage_point WHERE ts >= $10 AND ts < $11 AND org_id = ANY ($1::bigint[])
    ) AS p
    JOIN usage_series s ON s.org_id = p.org_id AND s.series_id = p.series_id
    LEFT JOIN LATERAL (
        SELECT kept_id FROM usage_dims_kept
        WHERE org_id = s.org_id AND dims_id = s.dims_id AND starts <= p.ts
        ORDER BY starts DESC LIMIT 1
    ) AS k ON true
    UNION ALL
    SELECT u.org_id, u.dims_id, u.quantity
    FROM unnest($12::timestamptz[], $13::timestamptz[]) AS range (lower, upper), LATERAL (
        SELECT * FROM usage_quarter_hourly
        WHERE org_id = ANY ($1::bigint[]) AND quarter >= range.lower AND quarter < range.upper
        OFFSET 0
    ) AS u
    UNION ALL
    SELECT u.org_id, u.dims_id, u.quantity
    FROM unnest($14::timestamptz[], $15::timestamptz[]) AS range (lower, upper), LATERAL (
        SELECT * FROM usage_daily
        WHERE org_id = ANY ($1::bigint[]) AND day >= range.lower AND day < range.upper
        OFFSET 0
    ) AS u
), used AS (
    SELECT org_id, dims_id, sum(quantity) AS quantity FROM source GROUP BY 1, 2
)
SELECT o.name AS org, p.name AS project, g.dimensions, m.key, m.unit, count(DISTINCT g.value) AS distinct_values
FROM (
    SELECT CASE WHEN $4 THEN w.org_id END AS org_id, CASE WHEN $5 THEN w.project_id END AS project_id,
           CASE WHEN $5 THEN w.org_id END AS project_org_id, w.dimensions, w.metric_id, w.value, u.quantity
    FROM used u
    JOIN wanted w USING (org_id, dims_id)
) AS g
JOIN usage_metric m USING (metric_id)
LEFT JOIN usage_org o ON o.org_id = g.org_id
LEFT JOIN usage_project p ON p.org_id = g.project_org_id AND p.project_id = g.project_id
WHERE m.kind = 'level' OR g.quantity <> 0
GROUP BY g.org_id, o.name, g.project_org_id, g.project_id, p.name, g.dimensions, m.key, m.unit
