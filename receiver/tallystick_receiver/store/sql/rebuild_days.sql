-- Days and totals from quarters; what they cost is due.
-- $1/$2 window in UTC days, $3 organisation or null. Index: usage_quarter_hourly_pk.
WITH quarter AS MATERIALIZED (
    SELECT u.*, x.project_id, x.metric_id
    FROM usage_org o
    JOIN usage_quarter_hourly u ON u.org_id = o.org_id AND u.quarter >= $1 AND u.quarter < $2
    JOIN usage_dims x ON x.org_id = u.org_id AND x.dims_id = u.dims_id
    WHERE $3::bigint IS NULL OR o.org_id = $3
), days AS (
    INSERT INTO usage_daily (org_id, day, dims_id, quantity, points, lowest, highest, last, last_ns)
    SELECT org_id, date_trunc('day', quarter, 'UTC'), dims_id, sum(quantity), sum(points), min(lowest), max(highest),
           CASE WHEN count(last_ns) > 0 THEN (array_agg(last ORDER BY last_ns DESC, last DESC))[1] END, max(last_ns)
    FROM quarter
    GROUP BY 1, 2, 3
    ORDER BY 1, 2, 3
), total_hour AS MATERIALIZED (
    SELECT org_id, date_bin('1 hour', quarter, 'epoch'::timestamptz) AS hour, project_id, metric_id,
           sum(quantity) AS quantity, sum(points) AS points
    FROM quarter
    WHERE last_ns IS NULL
    GROUP BY 1, 2, 3, 4
), due AS (
    INSERT INTO cost_due (org_id, hour) SELECT DISTINCT org_id, hour FROM total_hour
), total_hours AS (
    INSERT INTO usage_total_hourly (org_id, hour, project_id, metric_id, quantity, points)
    SELECT org_id, hour, project_id, metric_id, quantity, points
    FROM total_hour
    ORDER BY 1, 2, 3, 4
)
INSERT INTO usage_total_daily (org_id, day, project_id, metric_id, quantity, points)
SELECT org_id, date_trunc('day', hour, 'UTC'), project_id, metric_id, sum(quantity), sum(points)
FROM total_hour
GROUP BY 1, 2, 3, 4
ORDER BY 1, 2, 3, 4
