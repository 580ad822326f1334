-- Merge waiting deltas into the four rollups, in one statement: whoever reads sees them in one place or the other.
-- Samples of a level after the last or before the first of their quarter extend its integral; for others it becomes
-- null, their quarters are returned, and integrate_quarter.sql follows in the same transaction. The evaluator of
-- thresholds, which looks at waiting deltas, is told of those that leave between two looks; usage.aggregated, and
-- whoever prices usage, of the hours that changed.
-- $1 delta rows taken at most. Index: usage_*_pk.
WITH taken AS (
    DELETE FROM usage_delta
    WHERE ctid = ANY (ARRAY(SELECT ctid FROM usage_delta LIMIT $1))
    RETURNING org_id, quarter, dims_ids, mantissas, exponents, points, level_ns, amount
), touched AS (
    INSERT INTO usage_touched (org_id, quarter, amount)
    SELECT org_id, quarter, CASE WHEN bool_and(amount IS NOT NULL) THEN sum(amount) END
    FROM taken
    WHERE org_id IN (SELECT org_id FROM threshold)
    GROUP BY org_id, quarter
), rolled AS (
    INSERT INTO usage_rolled (org_id, hour)
    SELECT DISTINCT org_id, date_trunc('hour', quarter, 'UTC') FROM taken
    WHERE EXISTS (SELECT FROM event_subscription s
                  WHERE s.type = 'usage.aggregated' AND (s.org_id IS NULL OR s.org_id = taken.org_id))
), due AS (
    INSERT INTO cost_due (org_id, hour)
    SELECT DISTINCT org_id, date_trunc('hour', quarter, 'UTC') FROM taken WHERE level_ns IS NULL
), entry AS (
    SELECT t.org_id, t.quarter, e.dims_id, usage_quantity(e.mantissa, e.exponent) AS quantity,
           coalesce(e.points, 1) AS points, e.level_ns
    FROM taken t,
         unnest(t.dims_ids, t.mantissas, t.exponents, t.points, t.level_ns)
             AS e (dims_id, mantissa, exponent, points, level_ns)
), sum_quarter AS MATERIALIZED (
    SELECT org_id, quarter, dims_id, sum(quantity) AS quantity, sum(points) AS points
    FROM entry
    WHERE level_ns IS NULL
    GROUP BY org_id, quarter, dims_id
), sample AS (
    SELECT org_id, quarter, dims_id, quantity, points, level_ns,
           lead(level_ns) OVER (PARTITION BY org_id, quarter, dims_id ORDER BY level_ns, quantity) AS next_ns
    FROM entry
    WHERE level_ns IS NOT NULL
), level_quarter AS MATERIALIZED (
    SELECT org_id, quarter, dims_id, sum(quantity) AS quantity, sum(points) AS points,
           min(quantity) AS lowest, max(quantity) AS highest,
           max(quantity) FILTER (WHERE next_ns IS NULL) AS last, max(level_ns) AS last_ns,
           min(level_ns) AS first_ns, coalesce(sum(quantity * (next_ns - level_ns)), 0) AS integral
    FROM sample
    GROUP BY org_id, quarter, dims_id
), quarter AS (
    SELECT org_id, quarter, dims_id, quantity, points, NULL::numeric AS lowest, NULL::numeric AS highest,
           NULL::numeric AS last, NULL::bigint AS last_ns, NULL::bigint AS first_ns, NULL::numeric AS integral
    FROM sum_quarter
    UNION ALL
    SELECT * FROM level_quarter
), day AS (
    SELECT org_id, date_trunc('day', quarter, 'UTC') AS day, dims_id, sum(quantity) AS quantity,
           sum(points) AS points, NULL::numeric AS lowest, NULL::numeric AS highest,
           NULL::numeric AS last, NULL::bigint AS last_ns
    FROM sum_quarter
    GROUP BY 1, 2, 3
    UNION ALL
    SELECT org_id, date_trunc('day', quarter, 'UTC'), dims_id, sum(quantity), sum(points), min(lowest), max(highest),
           (array_agg(last ORDER BY last_ns DESC, last DESC))[1], max(last_ns)
    FROM level_quarter
    GROUP BY 1, 2, 3
), total_hour AS MATERIALIZED (
    SELECT q.org_id, date_trunc('hour', q.quarter, 'UTC') AS hour, d.project_id, d.metric_id,
           sum(q.quantity) AS quantity, sum(q.points) AS points
    FROM sum_quarter q
    JOIN usage_dims d ON d.org_id = q.org_id AND d.dims_id = q.dims_id
    GROUP BY 1, 2, 3, 4
), write_quarter AS (
    INSERT INTO usage_quarter_hourly AS u
        (org_id, quarter, dims_id, quantity, points, lowest, highest, last, last_ns, first_ns, integral)
    SELECT org_id, quarter, dims_id, quantity, points, lowest, highest, last, last_ns, first_ns, integral
    FROM quarter
    ORDER BY org_id, quarter, dims_id
    ON CONFLICT (org_id, quarter, dims_id) DO UPDATE
    SET quantity = u.quantity + excluded.quantity, points = u.points + excluded.points,
        lowest = least(u.lowest, excluded.lowest), highest = greatest(u.highest, excluded.highest),
        last = CASE WHEN (excluded.last_ns, excluded.last) > (u.last_ns, u.last) THEN excluded.last ELSE u.last END,
        last_ns = greatest(u.last_ns, excluded.last_ns), first_ns = least(u.first_ns, excluded.first_ns),
        integral = CASE
            WHEN excluded.first_ns > u.last_ns
                THEN u.integral + u.last * (excluded.first_ns - u.last_ns) + excluded.integral
            WHEN excluded.last_ns < u.first_ns
                THEN excluded.integral + excluded.last * (u.first_ns - excluded.last_ns) + u.integral
        END
    RETURNING org_id, quarter, dims_id, last_ns IS NOT NULL AND integral IS NULL AS is_open
), write_day AS (
    INSERT INTO usage_daily AS u (org_id, day, dims_id, quantity, points, lowest, highest, last, last_ns)
    SELECT org_id, day, dims_id, quantity, points, lowest, highest, last, last_ns
    FROM day
    ORDER BY org_id, day, dims_id
    ON CONFLICT (org_id, day, dims_id) DO UPDATE
    SET quantity = u.quantity + excluded.quantity, points = u.points + excluded.points,
        lowest = least(u.lowest, excluded.lowest), highest = greatest(u.highest, excluded.highest),
        last = CASE WHEN (excluded.last_ns, excluded.last) > (u.last_ns, u.last) THEN excluded.last ELSE u.last END,
        last_ns = greatest(u.last_ns, excluded.last_ns)
), write_total_hour AS (
    INSERT INTO usage_total_hourly AS u (org_id, hour, project_id, metric_id, quantity, points)
    SELECT org_id, hour, project_id, metric_id, quantity, points
    FROM total_hour
    ORDER BY org_id, hour, project_id, metric_id
    ON CONFLICT (org_id, hour, project_id, metric_id) DO UPDATE
    SET quantity = u.quantity + excluded.quantity, points = u.points + excluded.points
), write_total_day AS (
    INSERT INTO usage_total_daily AS u (org_id, day, project_id, metric_id, quantity, points)
    SELECT org_id, date_trunc('day', hour, 'UTC'), project_id, metric_id, sum(quantity), sum(points)
    FROM total_hour
    GROUP BY 1, 2, 3, 4
    ORDER BY 1, 2, 3, 4
    ON CONFLICT (org_id, day, project_id, metric_id) DO UPDATE
    SET quantity = u.quantity + excluded.quantity, points = u.points + excluded.points
)
SELECT count(*) AS rows, coalesce(sum(cardinality(dims_ids)), 0) AS deltas,
       (SELECT array_agg(quarter) FROM write_quarter WHERE is_open) AS quarters,
       (SELECT array_agg(org_id) FROM write_quarter WHERE is_open) AS org_ids,
       (SELECT array_agg(dims_id) FROM write_quarter WHERE is_open) AS dims_ids
FROM taken
