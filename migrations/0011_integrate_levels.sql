-- Levels integrated over time: quarters know when their first sample was and the integral from the first to the last.
-- Gaps between quarters are held by what asks, since how long a sample holds is a setting of at least a quarter.
ALTER TABLE usage_quarter_hourly ADD COLUMN first_ns bigint, ADD COLUMN integral numeric;

COMMENT ON COLUMN usage_quarter_hourly.integral IS
    'of a level from first_ns to last_ns, in its unit times nanoseconds; null: rolled up before it was kept, points gone';

-- Levels that were rolled up before, from the points that are still there. Samples after last_ns wait as deltas.
UPDATE usage_quarter_hourly u
SET first_ns = t.first_ns, integral = t.integral
FROM (
    SELECT org_id, quarter, dims_id, min(ns) AS first_ns, coalesce(sum(quantity * (next_ns - ns)), 0) AS integral
    FROM (
        SELECT q.org_id, q.quarter, q.dims_id, v.ns, v.quantity,
               lead(v.ns) OVER (PARTITION BY q.org_id, q.quarter, q.dims_id ORDER BY v.ns, v.quantity) AS next_ns
        FROM usage_point p
        JOIN usage_series s ON s.org_id = p.org_id AND s.series_id = p.series_id
        JOIN usage_quarter_hourly q ON q.org_id = s.org_id AND q.dims_id = s.dims_id
             AND q.quarter = date_bin('15 minutes', p.ts, 'epoch'::timestamptz) AND q.last_ns IS NOT NULL
        CROSS JOIN LATERAL (
            SELECT usage_end_ns(p.ts, p.end_rest) AS ns, usage_quantity(p.mantissa, p.exponent) AS quantity
        ) AS v
        WHERE v.ns <= q.last_ns
    ) AS sample
    GROUP BY 1, 2, 3
) AS t
WHERE u.org_id = t.org_id AND u.quarter = t.quarter AND u.dims_id = t.dims_id;

-- Where the points are gone only the last sample is known; the integral stays null.
UPDATE usage_quarter_hourly SET first_ns = last_ns WHERE last_ns IS NOT NULL AND first_ns IS NULL;

-- Levels are few among the quarters of an organisation. The first time hardly ever changes, so updates stay HOT.
CREATE INDEX usage_quarter_hourly_level ON usage_quarter_hourly (org_id, quarter, dims_id) WHERE first_ns IS NOT NULL;
