-- What usage costs, by groups of lines: whole months from their totals (by user, where these know what is asked), what is
-- left at both ends by the hour. Lines that are alike in all that is asked for get one number, by which hours are added up
-- before anything else is looked at. Where list or billed cost is that of the row, it is null, as there are many.
-- $1 org ids, $2/$3 and $4/$5 hours from and to, $6 months, $7 bucket unit or null, $8 time zone, $9 metrics,
-- $10 project id or null, $11 by org, $12 by project, dimensions as arrays: $13 keys, $14 other keys, $15 whether by the
-- name that rates use (see cost_name); $16 filters (JSON: key -> values), $17 rows at most, or null, $18 months that totals by user answer.
-- Index: usage_cost_pk, usage_cost_monthly_pk, usage_cost_user_monthly_key, cost_line_pk, cost_group_pk.
WITH source AS (
    SELECT org_id, hour, dims_id, part, booking, tariff_id, quantity
    FROM usage_cost WHERE org_id = ANY ($1::bigint[]) AND hour >= $2 AND hour < $3
    UNION ALL
    SELECT org_id, hour, dims_id, part, booking, tariff_id, quantity
    FROM usage_cost WHERE org_id = ANY ($1::bigint[]) AND hour >= $4 AND hour < $5
), bucket AS MATERIALIZED (
    SELECT hour, date_trunc($7::text, hour, $8::text) AS bucket
    FROM (SELECT DISTINCT hour FROM source) AS h
    WHERE $7::text IS NOT NULL
), asked AS (
    SELECT l.org_id AS line_org_id, l.dims_id, l.part, l.metric, l.unit, l.grade,
           CASE WHEN $11 OR $12 THEN l.org_id END AS org_id, CASE WHEN $12 THEN l.project_id END AS project_id,
           CASE WHEN '@source' = ANY ($13::text[]) THEN l.source END AS source,
           (SELECT coalesce(jsonb_object_agg(a.key, a.value), '{}') FROM jsonb_each(l.attributes) AS a
            WHERE a.key = ANY ($13::text[] || $14::text[] || 'otel.metric.overflow'::text)) AS attributes
    FROM (SELECT DISTINCT org_id, dims_id, part FROM source) AS u
    JOIN cost_line l ON l.org_id = u.org_id AND l.dims_id = u.dims_id AND l.part = u.part
    WHERE l.metric = ANY ($9::text[]) AND ($10::bigint IS NULL OR l.project_id = $10)
      AND ($16::text = '{}' OR NOT EXISTS (
          SELECT FROM jsonb_each($16::text::jsonb) AS f (key, allowed)
          WHERE NOT coalesce(f.allowed ? (l.attributes ->> f.key), false)))
), alike AS MATERIALIZED (
    SELECT *, dense_rank() OVER (ORDER BY metric, unit, grade, org_id, project_id, source, attributes) AS alike_id
    FROM asked
), hourly AS MATERIALIZED (
    SELECT l.alike_id, c.tariff_id, c.booking > 0 AS is_adjustment, b.bucket, sum(c.quantity) AS quantity
    FROM source c
    JOIN alike l ON l.line_org_id = c.org_id AND l.dims_id = c.dims_id AND l.part = c.part
    LEFT JOIN bucket b ON b.hour = c.hour
    GROUP BY 1, 2, 3, 4
), line AS (
    SELECT s.bucket, s.is_adjustment, s.quantity, s.tariff_id, l.org_id, l.project_id, l.metric, l.unit, l.grade,
           l.source, l.attributes
    FROM hourly s
    JOIN (SELECT DISTINCT alike_id, org_id, project_id, metric, unit, grade, source, attributes FROM alike) AS l
         ON l.alike_id = s.alike_id
    UNION ALL
    SELECT CASE WHEN $7::text IS NOT NULL THEN date_trunc($7::text, s.month, $8::text) END, s.is_adjustment, s.quantity,
           s.tariff_id, l.org_id, l.project_id, l.metric, l.unit, l.grade, l.source, l.attributes
    FROM usage_cost_monthly s
    JOIN cost_group l ON l.org_id = s.org_id AND l.group_id = s.group_id
    WHERE s.org_id = ANY ($1::bigint[]) AND s.month = ANY ($6::timestamptz[]) AND s.quantity <> 0
      AND l.metric = ANY ($9::text[]) AND ($10::bigint IS NULL OR l.project_id = $10)
      AND ($16::text = '{}' OR NOT EXISTS (
          SELECT FROM jsonb_each($16::text::jsonb) AS f (key, allowed)
          WHERE NOT coalesce(f.allowed ? (l.attributes ->> f.key), false)))
), priced AS (
    SELECT l.bucket, l.is_adjustment, l.org_id, l.project_id, l.metric, l.unit, l.grade, l.source, l.attributes,
           t.state, t.currency, t.resolved, l.quantity, l.quantity * t.price AS cost,
           l.quantity * t.list_price AS list_cost, l.quantity * t.billed_price AS billed_cost
    FROM line l
    JOIN cost_tariff t ON t.tariff_id = l.tariff_id
    UNION ALL
    SELECT CASE WHEN $7::text IS NOT NULL THEN date_trunc($7::text, s.month, $8::text) END, s.is_adjustment, s.org_id,
           s.project_id, s.metric, s.unit, s.grade, NULL, s.attributes, s.state, s.currency, NULL, s.quantity, s.cost,
           s.list_cost, s.billed_cost
    FROM usage_cost_user_monthly s
    WHERE s.org_id = ANY ($1::bigint[]) AND s.month = ANY ($18::timestamptz[])
      AND s.metric = ANY ($9::text[]) AND ($10::bigint IS NULL OR s.project_id = $10)
      AND ($16::text = '{}' OR NOT EXISTS (
          SELECT FROM jsonb_each($16::text::jsonb) AS f (key, allowed)
          WHERE NOT coalesce(f.allowed ? (s.attributes ->> f.key), false)))
), grouped AS MATERIALIZED (
    SELECT CASE WHEN $11 THEN l.org_id END AS org_id, CASE WHEN $12 THEN l.project_id END AS project_id,
           CASE WHEN $12 THEN l.org_id END AS project_org_id, l.metric, l.unit, l.bucket,
           CASE cardinality($13::text[])
               WHEN 0 THEN '{}'::text[]
               WHEN 1 THEN ARRAY[cost_name(($13::text[])[1], ($14::text[])[1], ($15::boolean[])[1], l.attributes, l.resolved,
                                           l.source, l.grade, l.state, l.is_adjustment)]
               ELSE ARRAY(SELECT cost_name(k.key, k.other, k.is_resolved, l.attributes, l.resolved, l.source, l.grade,
                                           l.state, l.is_adjustment)
                          FROM unnest($13::text[], $14::text[], $15::boolean[]) WITH ORDINALITY
                                   AS k (key, other, is_resolved, n) ORDER BY n)
           END AS dimensions,
           l.state, l.currency, l.grade, l.is_adjustment, l.attributes ? 'otel.metric.overflow' AS is_overflow,
           sum(l.quantity) AS quantity, sum(l.cost) AS cost, sum(l.list_cost) AS list_cost,
           sum(l.billed_cost) AS billed_cost
    FROM priced l
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
)
SELECT o.name AS org, p.name AS project, g.metric, g.unit, g.bucket, g.dimensions, g.state, g.currency, g.grade,
       g.is_adjustment, g.is_overflow, g.quantity, g.cost, nullif(g.list_cost, g.cost) AS list_cost,
       nullif(g.billed_cost, g.cost) AS billed_cost
FROM grouped g
LEFT JOIN usage_org o ON o.org_id = g.org_id
LEFT JOIN usage_project p ON p.org_id = g.project_org_id AND p.project_id = g.project_id
LIMIT $17
