-- Keys of sets of dimensions, and by which ways of counting they came. $1 org id, $2 dims, $3 metrics.
-- Index: cost_line_pk, cost_key_pk.
SELECT k.key_id, k.metric, k.unit, k.attributes::text AS attributes, w.best, w.worst
FROM (
    SELECT l.key_id, min(l.precedence) AS best, max(l.precedence) AS worst
    FROM unnest($2::bigint[]) AS u (dims_id)
    JOIN cost_line l ON l.org_id = $1 AND l.dims_id = u.dims_id AND l.metric = ANY ($3::text[])
    GROUP BY l.key_id
) AS w
JOIN cost_key k USING (key_id)
