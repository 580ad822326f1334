-- Sets of dimensions that were used in these hours, and in how many rows. $1 org id, $2 hours.
-- Index: usage_quarter_hourly_pk.
SELECT q.dims_id, count(*) AS rows
FROM unnest($2::timestamptz[]) AS h (hour), LATERAL (
    SELECT dims_id FROM usage_quarter_hourly
    WHERE org_id = $1 AND quarter >= h.hour AND quarter < h.hour + interval '1 hour' AND last_ns IS NULL
    OFFSET 0
) AS q
GROUP BY 1
