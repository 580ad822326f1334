-- Figures of levels over days, in whole and up to each hour, against what their quarters of an hour add up to; of days
-- for which they are computed. Each quarter is held until the next one begins, whatever the hold of questions is.
-- $1/$2 window in UTC days, $3 organisation or null, $4 differences at most.
-- Index: usage_daily_pk, usage_quarter_hourly_level, usage_level_hours_pk.
WITH kept AS MATERIALIZED (
    SELECT u.org_id, u.dims_id, u.day, u.first_ns, u.integral, u.widest_ns, h.hours, h.first_ns AS hour_first_ns,
           h.last_ns AS hour_last_ns, h.last AS hour_last, h.integral AS integral_until, h.points AS points_until,
           h.lowest_until, h.highest_until, h.lowest_from, h.highest_from
    FROM usage_org o
    JOIN usage_daily u ON u.org_id = o.org_id AND u.day >= $1 AND u.day < $2
    LEFT JOIN usage_level_hours h ON h.org_id = u.org_id AND h.day = u.day AND h.dims_id = u.dims_id
    WHERE ($3::bigint IS NULL OR o.org_id = $3) AND u.last_ns IS NOT NULL AND u.integrated_points = u.points
), quarter AS (
    SELECT u.org_id, u.dims_id, date_trunc('day', u.quarter, 'UTC') AS day,
           extract(hour FROM u.quarter AT TIME ZONE 'UTC')::smallint AS hour, u.points, u.lowest, u.highest, u.first_ns, u.last_ns, u.last, u.integral,
           lead(u.first_ns) OVER chain AS next_ns
    FROM usage_org o
    JOIN usage_quarter_hourly u ON u.org_id = o.org_id AND u.quarter >= $1 AND u.quarter < $2 AND u.first_ns IS NOT NULL
    WHERE $3::bigint IS NULL OR o.org_id = $3
    WINDOW chain AS (PARTITION BY u.org_id, u.dims_id, date_trunc('day', u.quarter, 'UTC') ORDER BY u.first_ns)
), by_day AS (
    SELECT org_id, dims_id, day, min(first_ns) AS first_ns,
           sum(integral) + coalesce(sum(last * (next_ns - last_ns)), 0) AS integral,
           coalesce(max(next_ns - last_ns), 0) AS widest_ns, count(*) = count(integral) AS is_known
    FROM quarter
    GROUP BY 1, 2, 3
), by_hour AS (
    SELECT org_id, dims_id, day, hour, sum(points) AS points, min(lowest) AS lowest, max(highest) AS highest,
           min(first_ns) AS first_ns, max(last_ns) AS last_ns,
           max(last) FILTER (WHERE next_ns IS NULL OR is_end) AS last, sum(integral) AS integral,
           sum(last * (next_ns - last_ns)) AS held, sum(last * (next_ns - last_ns)) FILTER (WHERE is_end) AS held_over
    FROM (SELECT *, lead(hour) OVER (PARTITION BY org_id, dims_id, day ORDER BY first_ns) <> hour AS is_end FROM quarter) AS q
    GROUP BY 1, 2, 3, 4
), hours AS (
    SELECT org_id, dims_id, day, array_agg(hour ORDER BY hour) AS hours, array_agg(first_ns ORDER BY hour) AS hour_first_ns,
           array_agg(last_ns ORDER BY hour) AS hour_last_ns, array_agg(last ORDER BY hour) AS hour_last,
           array_agg(until_last ORDER BY hour) AS integral_until, array_agg(points_until ORDER BY hour) AS points_until,
           array_agg(lowest_until ORDER BY hour) AS lowest_until, array_agg(highest_until ORDER BY hour) AS highest_until,
           array_agg(lowest_from ORDER BY hour) AS lowest_from, array_agg(highest_from ORDER BY hour) AS highest_from
    FROM (
        SELECT *, sum(integral + coalesce(held, 0)) OVER up - coalesce(held_over, 0) AS until_last,
               (sum(points) OVER up)::bigint AS points_until, min(lowest) OVER up AS lowest_until,
               max(highest) OVER up AS highest_until, min(lowest) OVER down AS lowest_from,
               max(highest) OVER down AS highest_from
        FROM by_hour
        WINDOW up AS (PARTITION BY org_id, dims_id, day ORDER BY hour),
               down AS (PARTITION BY org_id, dims_id, day ORDER BY hour DESC)
    ) AS h
    GROUP BY 1, 2, 3
), counted AS (
    SELECT org_id, dims_id, day, is_known, d.first_ns, CASE WHEN is_known THEN d.integral END AS integral,
           CASE WHEN is_known THEN d.widest_ns END AS widest_ns, hours, hour_first_ns, hour_last_ns, hour_last, integral_until,
           points_until, lowest_until, highest_until, lowest_from, highest_from
    FROM by_day d
    JOIN hours USING (org_id, dims_id, day)
), d AS (
    SELECT org_id, dims_id, day AS at,
           format('from %s, integral %s, widest gap %s', c.first_ns, c.integral, c.widest_ns) AS left_quantity,
           format('from %s, integral %s, widest gap %s', s.first_ns, s.integral, s.widest_ns) AS right_quantity
    FROM kept s
    LEFT JOIN counted c USING (org_id, dims_id, day)
    WHERE (c.first_ns, c.integral, c.widest_ns) IS DISTINCT FROM (s.first_ns, s.integral, s.widest_ns)
       OR (c.hours, c.hour_first_ns, c.hour_last_ns, c.hour_last, c.points_until, c.lowest_until, c.highest_until,
           c.lowest_from, c.highest_from)
          IS DISTINCT FROM (s.hours, s.hour_first_ns, s.hour_last_ns, s.hour_last, s.points_until, s.lowest_until,
                            s.highest_until, s.lowest_from, s.highest_from)
       OR (c.is_known AND c.integral_until IS DISTINCT FROM s.integral_until)
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
