-- Keys of what was used in these hours, and of how many ways of counting it is. $1 org id, $2 hours, $3 metrics.
WITH used AS (
    SELECT DISTINCT q.dims_id
    FROM unnest($2::timestamptz[]) AS h (hour), LATERAL (
        SELECT dims_id FROM usage_quarter_hourly
        WHERE org_id = $1 AND quarter >= h.hour AND quarter < h.hour + interval '1 hour' AND last_ns IS NULL
        OFFSET 0
    ) AS q
), wanted AS (
    SELECT l.key_id, min(l.precedence) AS best, max(l.precedence) AS worst
    FROM used u JOIN cost_line l ON l.org_id = $1 AND l.dims_id = u.dims_id AND l.metric = ANY ($3::text[])
    GROUP BY l.key_id
)
SELECT k.key_id, k.metric, k.unit, k.attributes::text AS attributes, w.best, w.worst
FROM wanted w
JOIN cost_key k USING (key_id)
