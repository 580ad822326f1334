-- Integrals of levels in one quarter of an hour, from the points: for samples that came out of order.
-- Up to the last sample that was rolled up; what lies between the first and the last and still waits is in it, too,
-- and harms nobody: it overlaps, so that whoever asks looks at the points, and so does the roller when its turn comes.
-- $1/$2 the quarter, $3 org ids and $4 dims ids of the rows. Index: usage_point_ts, usage_quarter_hourly_pk.
WITH wanted AS MATERIALIZED (
    SELECT u.org_id, u.dims_id, u.last_ns
    FROM unnest($3::bigint[], $4::bigint[]) AS w (org_id, dims_id)
    JOIN usage_quarter_hourly u ON u.org_id = w.org_id AND u.quarter = $1 AND u.dims_id = w.dims_id
), series AS MATERIALIZED (
    SELECT s.org_id, s.series_id, s.dims_id, w.last_ns
    FROM wanted w
    JOIN usage_series s ON s.org_id = w.org_id AND s.dims_id = w.dims_id
), sample AS (
    SELECT s.org_id, s.dims_id, s.last_ns, usage_quantity(t.mantissa, t.exponent) AS quantity,
           usage_end_ns(t.ts, t.end_rest) AS ns
    FROM usage_point t
    JOIN series s ON s.org_id = t.org_id AND s.series_id = t.series_id
    WHERE t.ts >= $1 AND t.ts < $2
), held AS (
    SELECT *, lead(ns) OVER (PARTITION BY org_id, dims_id ORDER BY ns, quantity) AS next_ns
    FROM sample
    WHERE ns <= last_ns
), integrated AS (
    SELECT org_id, dims_id, min(ns) AS first_ns, coalesce(sum(quantity * (next_ns - ns)), 0) AS integral
    FROM held
    GROUP BY 1, 2
)
UPDATE usage_quarter_hourly u
SET first_ns = i.first_ns, integral = i.integral
FROM integrated i
WHERE u.org_id = i.org_id AND u.quarter = $1 AND u.dims_id = i.dims_id
