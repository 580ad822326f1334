-- Sets of dimensions that have no lines yet, of metrics that are priced. $1 org id, $2 dims, $3 metric keys.
-- Index: usage_dims_pk, cost_line_pk.
SELECT d.dims_id, d.project_id, m.key AS metric, m.unit, m.kind, d.attributes::text AS attributes
FROM unnest($2::bigint[]) AS u (dims_id)
JOIN usage_dims d ON d.org_id = $1 AND d.dims_id = u.dims_id
JOIN usage_metric m ON m.metric_id = d.metric_id AND m.key = ANY ($3::text[]) AND m.kind IN ('sum', 'histogram')
WHERE NOT EXISTS (SELECT FROM cost_line l WHERE l.org_id = $1 AND l.dims_id = u.dims_id)
