-- Sets of dimensions that were used and have no lines yet. $1 org id, $2 hours, $3 metric keys.
-- Index: usage_quarter_hourly_pk, usage_dims_pk, cost_line_pk.
WITH used AS (
    SELECT DISTINCT q.dims_id
    FROM unnest($2::timestamptz[]) AS h (hour), LATERAL (
        SELECT dims_id FROM usage_quarter_hourly
        WHERE org_id = $1 AND quarter >= h.hour AND quarter < h.hour + interval '1 hour' AND last_ns IS NULL
        OFFSET 0
    ) AS q
)
SELECT d.dims_id, d.project_id, m.key AS metric, m.unit, m.kind, d.attributes::text AS attributes
FROM used u
JOIN usage_dims d ON d.org_id = $1 AND d.dims_id = u.dims_id
JOIN usage_metric m ON m.metric_id = d.metric_id AND m.key = ANY ($3::text[]) AND m.kind IN ('sum', 'histogram')
WHERE NOT EXISTS (SELECT FROM cost_line l WHERE l.org_id = $1 AND l.dims_id = u.dims_id)
