-- Quarters of levels whose rollup cannot be integrated as it is: a waiting delta lies between their first sample and
-- their last (or at one of their times), or they reach into the future.
-- $1 org ids, $2 metric ids, $3/$4 ranges of quarters, $5 now in nanoseconds.
-- Index: usage_delta_org, usage_quarter_hourly_level.
WITH waiting AS MATERIALIZED (
    SELECT DISTINCT t.org_id, t.quarter, e.dims_id, e.level_ns
    FROM usage_delta t, unnest(t.dims_ids, t.level_ns) AS e (dims_id, level_ns)
    WHERE t.org_id = ANY ($1::bigint[]) AND t.level_ns IS NOT NULL
      AND EXISTS (SELECT FROM unnest($3::timestamptz[], $4::timestamptz[]) AS range (lower, upper)
                  WHERE t.quarter >= range.lower AND t.quarter < range.upper)
), overlap AS (
    SELECT u.org_id, u.quarter, u.dims_id
    FROM waiting w
    JOIN usage_quarter_hourly u ON u.org_id = w.org_id AND u.quarter = w.quarter AND u.dims_id = w.dims_id
    WHERE w.level_ns BETWEEN u.first_ns AND u.last_ns
    UNION
    SELECT u.org_id, u.quarter, u.dims_id
    FROM unnest($3::timestamptz[], $4::timestamptz[]) AS range (lower, upper), LATERAL (
        SELECT * FROM usage_quarter_hourly
        WHERE org_id = ANY ($1::bigint[]) AND quarter < range.upper AND first_ns IS NOT NULL AND last_ns > $5
          AND quarter >= greatest(range.lower, to_timestamp(($5::bigint / 900000000000 * 900)::double precision))
        OFFSET 0
    ) AS u
)
SELECT o.org_id, o.quarter, o.dims_id
FROM overlap o
JOIN usage_dims d ON d.org_id = o.org_id AND d.dims_id = o.dims_id
WHERE d.metric_id = ANY ($2::bigint[])
ORDER BY o.quarter
