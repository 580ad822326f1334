-- Levels: lowest, highest and last samples and integrals of the points against those of quarters and deltas.
-- Where a waiting delta lies between the samples of its quarter, the integral is due only when it is rolled up.
-- $1/$2 window in UTC days, $3 organisation or null, $4 differences at most.
-- Index: usage_point_ts, usage_quarter_hourly_pk.
WITH level AS MATERIALIZED (
    SELECT x.org_id, x.dims_id
    FROM usage_dims x
    JOIN usage_metric m ON m.metric_id = x.metric_id AND m.kind = 'level'
    WHERE $3::bigint IS NULL OR x.org_id = $3
), series AS MATERIALIZED (
    SELECT s.org_id, s.series_id, s.dims_id
    FROM level l
    JOIN usage_series s ON s.org_id = l.org_id AND s.dims_id = l.dims_id
), sample AS (
    SELECT s.org_id, s.dims_id, date_bin('15 minutes', t.ts, 'epoch'::timestamptz) AS at,
           usage_quantity(t.mantissa, t.exponent) AS quantity, usage_end_ns(t.ts, t.end_rest) AS ns
    FROM usage_point t
    JOIN series s ON s.org_id = t.org_id AND s.series_id = t.series_id
    WHERE t.ts >= $1 AND t.ts < $2
), held AS (
    SELECT *, lead(ns) OVER (PARTITION BY org_id, dims_id, at ORDER BY ns, quantity) AS next_ns
    FROM sample
), counted AS (
    SELECT org_id, dims_id, at, min(quantity) AS lowest, max(quantity) AS highest,
           max(quantity) FILTER (WHERE next_ns IS NULL) AS last, min(ns) AS first_ns, max(ns) AS last_ns,
           coalesce(sum(quantity * (next_ns - ns)), 0) AS integral
    FROM held
    GROUP BY 1, 2, 3
), part AS (
    SELECT u.org_id, u.dims_id, u.quarter AS at, u.lowest, u.highest, u.last, u.first_ns, u.last_ns, u.integral, false AS waits
    FROM usage_org o
    JOIN usage_quarter_hourly u ON u.org_id = o.org_id AND u.quarter >= $1 AND u.quarter < $2
    WHERE ($3::bigint IS NULL OR o.org_id = $3)
      AND num_nonnulls(u.lowest, u.highest, u.last, u.last_ns, u.first_ns, u.integral) > 0
    UNION ALL
    SELECT t.org_id, e.dims_id, t.quarter, v.quantity, v.quantity, v.quantity, e.level_ns, e.level_ns, 0, true
    FROM usage_delta t,
         unnest(t.dims_ids, t.mantissas, t.exponents, t.level_ns) AS e (dims_id, mantissa, exponent, level_ns),
         LATERAL (SELECT usage_quantity(e.mantissa, e.exponent)) AS v (quantity)
    WHERE t.quarter >= $1 AND t.quarter < $2 AND t.level_ns IS NOT NULL AND ($3::bigint IS NULL OR t.org_id = $3)
), chained AS (
    SELECT *, lead(first_ns) OVER chain AS next_ns,
           lead(first_ns) OVER chain <= last_ns AND NOT (waits AND lead(waits) OVER chain) AS is_late
    FROM part
    WINDOW chain AS (PARTITION BY org_id, dims_id, at ORDER BY first_ns, last)
), kept AS (
    SELECT org_id, dims_id, at, min(lowest) AS lowest, max(highest) AS highest,
           (array_agg(last ORDER BY last_ns DESC, last DESC))[1] AS last, min(first_ns) AS first_ns,
           max(last_ns) AS last_ns, sum(integral + coalesce(last * (next_ns - last_ns), 0)) AS integral,
           bool_or(is_late) AS is_late
    FROM chained
    GROUP BY 1, 2, 3
), d AS (
    SELECT org_id, dims_id, at,
           format('%s to %s, last %s at %s, integral %s from %s', c.lowest, c.highest, c.last, c.last_ns, c.integral,
                  c.first_ns) AS left_quantity,
           format('%s to %s, last %s at %s, integral %s from %s', k.lowest, k.highest, k.last, k.last_ns, k.integral,
                  k.first_ns) AS right_quantity
    FROM counted c
    FULL JOIN kept k USING (org_id, dims_id, at)
    WHERE (c.lowest, c.highest, c.last, c.first_ns, c.last_ns)
          IS DISTINCT FROM (k.lowest, k.highest, k.last, k.first_ns, k.last_ns)
       OR (c.integral IS DISTINCT FROM k.integral AND k.is_late IS NOT TRUE)
)
SELECT o.name AS org, p.name AS project, m.key AS metric, n.attributes::text AS detail, d.at,
       d.left_quantity, NULL::bigint AS left_points, d.right_quantity, NULL::bigint AS right_points,
       count(*) OVER () AS differences
FROM d
LEFT JOIN usage_org o ON o.org_id = d.org_id
LEFT JOIN usage_dims n ON n.org_id = d.org_id AND n.dims_id = d.dims_id
LEFT JOIN usage_project p ON p.org_id = d.org_id AND p.project_id = n.project_id
LEFT JOIN usage_metric m ON m.metric_id = n.metric_id
ORDER BY d.at, 1, 2, 3
LIMIT $4
