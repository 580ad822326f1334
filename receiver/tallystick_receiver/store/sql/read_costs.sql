-- What usage costs, by groups of lines. Sums by line and tariff come first, since those are few.
-- $1 org ids, $2/$3 hours from and to, $4 bucket unit or null, $5 time zone, $6 metrics, $7 project id or null,
-- $8 by org, $9 by project, dimensions as arrays: $10 keys, $11 other keys, $12 whether by the name that rates use;
-- $13 filters (JSON: key -> values), $14 rows at most, or null. Keys that begin with @ are columns of a line or tariff.
-- Index: usage_cost_pk, cost_line_pk.
WITH bucket AS MATERIALIZED (
    SELECT hour, date_trunc($4::text, hour, $5::text) AS bucket
    FROM generate_series($2::timestamptz, $3::timestamptz - interval '1 hour', interval '1 hour') AS h (hour)
    WHERE $4::text IS NOT NULL
), summed AS MATERIALIZED (
    SELECT c.org_id, c.dims_id, c.part, c.tariff_id, c.booking > 0 AS is_adjustment, b.bucket,
           sum(c.quantity) AS quantity, sum(c.cost) AS cost
    FROM usage_cost c
    LEFT JOIN bucket b ON b.hour = c.hour
    WHERE c.org_id = ANY ($1::bigint[]) AND c.hour >= $2 AND c.hour < $3
    GROUP BY 1, 2, 3, 4, 5, 6
), named AS MATERIALIZED (
    SELECT s.bucket, s.is_adjustment, s.quantity, s.cost, l.org_id, l.project_id, l.metric, l.unit, l.grade,
           l.attributes ? 'otel.metric.overflow' AS is_overflow, t.state, t.currency,
           s.quantity * t.list_price AS list_cost, s.quantity * t.billed_price AS billed_cost,
           ARRAY(SELECT CASE k.key
                            WHEN '@source' THEN l.source WHEN '@grade' THEN l.grade WHEN '@state' THEN t.state
                            WHEN '@category' THEN CASE WHEN s.is_adjustment THEN 'adjustment' ELSE 'usage' END
                            ELSE coalesce(CASE WHEN k.is_resolved THEN t.resolved ->> k.key END,
                                          l.attributes ->> k.key, l.attributes ->> k.other) END
                 FROM unnest($10::text[], $11::text[], $12::boolean[]) WITH ORDINALITY
                          AS k (key, other, is_resolved, n) ORDER BY n) AS dimensions
    FROM summed s
    JOIN cost_line l ON l.org_id = s.org_id AND l.dims_id = s.dims_id AND l.part = s.part
    JOIN cost_tariff t ON t.tariff_id = s.tariff_id
    WHERE l.metric = ANY ($6::text[]) AND ($7::bigint IS NULL OR l.project_id = $7)
      AND NOT EXISTS (
          SELECT FROM jsonb_each($13::text::jsonb) AS f (key, allowed)
          WHERE NOT coalesce(f.allowed ? (l.attributes ->> f.key), false))
), grouped AS MATERIALIZED (
    SELECT CASE WHEN $8 THEN org_id END AS org_id, CASE WHEN $9 THEN project_id END AS project_id,
           CASE WHEN $9 THEN org_id END AS project_org_id, metric, unit, bucket, dimensions, state, currency, grade,
           is_adjustment, is_overflow, sum(quantity) AS quantity, sum(cost) AS cost, sum(list_cost) AS list_cost,
           sum(billed_cost) AS billed_cost
    FROM named
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
)
SELECT o.name AS org, p.name AS project, g.metric, g.unit, g.bucket, g.dimensions, g.state, g.currency, g.grade,
       g.is_adjustment, g.is_overflow, g.quantity, g.cost, g.list_cost, g.billed_cost
FROM grouped g
LEFT JOIN usage_org o ON o.org_id = g.org_id
LEFT JOIN usage_project p ON p.org_id = g.project_org_id AND p.project_id = g.project_id
LIMIT $14
