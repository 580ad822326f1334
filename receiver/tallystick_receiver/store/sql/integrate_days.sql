-- Figures of levels over whole days, and of these up to each hour, from their quarters. Where a quarter has no integral,
-- the day has none. Of a day whose quarters were dropped, or are being, nothing is computed: its figures stay what they are.
-- $1 org ids and $2 their days. Index: usage_quarter_hourly_level, usage_daily_pk, usage_level_hours_pk.
-- OFFSET 0: each day is an index scan of its own, whatever the planner thinks of it.
WITH quarter AS (
    SELECT u.org_id, d.day, u.dims_id, u.quarter, u.points, u.lowest, u.highest, u.first_ns, u.last_ns, u.last, u.integral,
           extract(epoch FROM u.quarter - d.day)::integer / 3600 AS hour
    FROM unnest($1::bigint[], $2::timestamptz[]) AS d (org_id, day), LATERAL (
        SELECT * FROM usage_quarter_hourly
        WHERE org_id = d.org_id AND quarter >= d.day AND quarter < d.day + interval '24 hours' AND first_ns IS NOT NULL
        OFFSET 0
    ) AS u
    WHERE d.day >= (SELECT dropped_before FROM usage_retention WHERE relation = 'usage_quarter_hourly')
), gap AS (
    SELECT *, first_ns - lag(last_ns) OVER chain AS gap_ns,
           coalesce(lag(last) OVER chain * (first_ns - lag(last_ns) OVER chain), 0) AS held
    FROM quarter
    WINDOW chain AS (PARTITION BY org_id, day, dims_id ORDER BY quarter)
), chained AS (
    SELECT *, sum(held + integral) OVER (PARTITION BY org_id, day, dims_id ORDER BY quarter) AS until_last
    FROM gap
), by_hour AS MATERIALIZED (
    SELECT org_id, day, dims_id, hour, sum(points) AS points, min(lowest) AS lowest, max(highest) AS highest,
           min(first_ns) AS first_ns, max(last_ns) AS last_ns, max(gap_ns) AS widest_ns,
           bool_and(integral IS NOT NULL) AS is_known, (array_agg(last ORDER BY quarter DESC))[1] AS last,
           (array_agg(until_last ORDER BY quarter DESC))[1] AS until_last
    FROM chained
    GROUP BY 1, 2, 3, 4
), by_day AS (
    SELECT org_id, day, dims_id, sum(points) AS points, min(first_ns) AS first_ns,
           CASE WHEN bool_and(is_known) THEN coalesce(max(widest_ns), 0) END AS widest_ns,
           CASE WHEN bool_and(is_known) THEN (array_agg(until_last ORDER BY hour DESC))[1] END AS integral
    FROM by_hour
    GROUP BY 1, 2, 3
), hours AS (
    INSERT INTO usage_level_hours AS u
        (org_id, day, dims_id, hours, first_ns, last_ns, last, integral, points, lowest_until, highest_until, lowest_from,
         highest_from)
    SELECT org_id, day, dims_id, array_agg(hour::smallint ORDER BY hour), array_agg(first_ns ORDER BY hour),
           array_agg(last_ns ORDER BY hour), array_agg(last ORDER BY hour), array_agg(until_last ORDER BY hour),
           array_agg(points_until::bigint ORDER BY hour), array_agg(lowest_until ORDER BY hour),
           array_agg(highest_until ORDER BY hour), array_agg(lowest_from ORDER BY hour),
           array_agg(highest_from ORDER BY hour)
    FROM (
        SELECT *, sum(points) OVER before AS points_until, min(lowest) OVER before AS lowest_until,
               max(highest) OVER before AS highest_until, min(lowest) OVER after AS lowest_from,
               max(highest) OVER after AS highest_from
        FROM by_hour
        WINDOW before AS (PARTITION BY org_id, day, dims_id ORDER BY hour),
               after AS (PARTITION BY org_id, day, dims_id ORDER BY hour DESC)
    ) AS h
    GROUP BY 1, 2, 3
    ON CONFLICT (org_id, day, dims_id) DO UPDATE
    SET hours = excluded.hours, first_ns = excluded.first_ns, last_ns = excluded.last_ns, last = excluded.last,
        integral = excluded.integral, points = excluded.points, lowest_until = excluded.lowest_until,
        highest_until = excluded.highest_until, lowest_from = excluded.lowest_from, highest_from = excluded.highest_from
)
UPDATE usage_daily u
SET integrated_points = d.points, first_ns = d.first_ns, integral = d.integral, widest_ns = d.widest_ns
FROM by_day d
WHERE u.org_id = d.org_id AND u.day = d.day AND u.dims_id = d.dims_id
