-- What usage costs, by groups of lines: whole months from their totals, the rest by the hour. Sums by line and tariff
-- come first, since those are few.
-- $1 org ids, $2/$3 hour ranges from and to, $4 months, $5 bucket unit or null, $6 time zone, $7 metrics,
-- $8 project id or null, $9 by org, $10 by project, dimensions as arrays: $11 keys, $12 other keys, $13 whether by the
-- name that rates use; $14 filters (JSON: key -> values), $15 rows at most, or null. Keys that begin with @ are columns
-- of a line or a tariff. Index: usage_cost_pk, usage_cost_monthly_pk, cost_line_pk, cost_group_pk.
WITH bucket AS MATERIALIZED (
    SELECT hour, date_trunc($5::text, hour, $6::text) AS bucket
    FROM unnest($2::timestamptz[], $3::timestamptz[]) AS range (lower, upper),
         generate_series(lower, upper - interval '1 hour', interval '1 hour') AS h (hour)
    WHERE $5::text IS NOT NULL
), hourly AS MATERIALIZED (
    SELECT c.org_id, c.dims_id, c.part, c.tariff_id, c.booking > 0 AS is_adjustment, b.bucket,
           sum(c.quantity) AS quantity
    FROM unnest($2::timestamptz[], $3::timestamptz[]) AS range (lower, upper), LATERAL (
        SELECT * FROM usage_cost
        WHERE org_id = ANY ($1::bigint[]) AND hour >= range.lower AND hour < range.upper
        OFFSET 0
    ) AS c
    LEFT JOIN bucket b ON b.hour = c.hour
    GROUP BY 1, 2, 3, 4, 5, 6
), line AS (
    SELECT s.bucket, s.is_adjustment, s.quantity, s.tariff_id, l.org_id, l.project_id, l.metric, l.unit, l.grade,
           l.source, l.attributes
    FROM hourly s
    JOIN cost_line l ON l.org_id = s.org_id AND l.dims_id = s.dims_id AND l.part = s.part
    UNION ALL
    SELECT CASE WHEN $5::text IS NOT NULL THEN date_trunc($5::text, s.month, $6::text) END, s.is_adjustment, s.quantity,
           s.tariff_id, l.org_id, l.project_id, l.metric, l.unit, l.grade, l.source, l.attributes
    FROM usage_cost_monthly s
    JOIN cost_group l ON l.org_id = s.org_id AND l.group_id = s.group_id
    WHERE s.org_id = ANY ($1::bigint[]) AND s.month = ANY ($4::timestamptz[]) AND s.quantity <> 0
), named AS (
    SELECT l.bucket, l.is_adjustment, l.quantity, l.tariff_id, l.org_id, l.project_id, l.metric, l.unit, l.grade,
           l.attributes ? 'otel.metric.overflow' AS is_overflow,
           CASE WHEN cardinality($11::text[]) = 0 THEN '{}'::text[] ELSE
               ARRAY(SELECT CASE k.key
                                WHEN '@source' THEN l.source WHEN '@grade' THEN l.grade WHEN '@state' THEN t.state
                                WHEN '@category' THEN CASE WHEN l.is_adjustment THEN 'adjustment' ELSE 'usage' END
                                ELSE coalesce(CASE WHEN k.is_resolved THEN t.resolved ->> k.key END,
                                              l.attributes ->> k.key, l.attributes ->> k.other) END
                     FROM unnest($11::text[], $12::text[], $13::boolean[]) WITH ORDINALITY
                              AS k (key, other, is_resolved, n) ORDER BY n)
           END AS dimensions
    FROM line l
    JOIN cost_tariff t ON t.tariff_id = l.tariff_id
    WHERE l.metric = ANY ($7::text[]) AND ($8::bigint IS NULL OR l.project_id = $8)
      AND ($14::text = '{}' OR NOT EXISTS (
          SELECT FROM jsonb_each($14::text::jsonb) AS f (key, allowed)
          WHERE NOT coalesce(f.allowed ? (l.attributes ->> f.key), false)))
), grouped AS MATERIALIZED (
    SELECT CASE WHEN $9 THEN org_id END AS org_id, CASE WHEN $10 THEN project_id END AS project_id,
           CASE WHEN $10 THEN org_id END AS project_org_id, metric, unit, bucket, dimensions, tariff_id, grade,
           is_adjustment, is_overflow, sum(quantity) AS quantity
    FROM named
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
), priced AS MATERIALIZED (
    SELECT g.org_id, g.project_id, g.project_org_id, g.metric, g.unit, g.bucket, g.dimensions, t.state, t.currency,
           g.grade, g.is_adjustment, g.is_overflow, sum(g.quantity) AS quantity, sum(g.quantity * t.price) AS cost,
           sum(g.quantity * t.list_price) AS list_cost, sum(g.quantity * t.billed_price) AS billed_cost
    FROM grouped g
    JOIN cost_tariff t ON t.tariff_id = g.tariff_id
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
)
SELECT o.name AS org, p.name AS project, g.metric, g.unit, g.bucket, g.dimensions, g.state, g.currency, g.grade,
       g.is_adjustment, g.is_overflow, g.quantity, g.cost, g.list_cost, g.billed_cost
FROM priced g
LEFT JOIN usage_org o ON o.org_id = g.org_id
LEFT JOIN usage_project p ON p.org_id = g.project_org_id AND p.project_id = g.project_id
LIMIT $15
