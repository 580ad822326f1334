-- Hours of usage that are to be priced again. $1 org id (null: all), $2 metric keys, $3/$4 from and to (null: without a
-- bound), $5 of closed months. Index: usage_total_hourly_pk.
INSERT INTO cost_due (org_id, hour)
SELECT DISTINCT o.org_id, t.hour
FROM usage_org o, LATERAL (
    SELECT hour, metric_id FROM usage_total_hourly
    WHERE org_id = o.org_id AND hour >= coalesce($3::timestamptz, '-infinity')
      AND hour < coalesce($4::timestamptz, 'infinity')
    OFFSET 0
) AS t
JOIN usage_metric m ON m.metric_id = t.metric_id AND m.key = ANY ($2::text[])
LEFT JOIN cost_month c ON c.month = date_trunc('month', t.hour, 'UTC')
WHERE ($1::bigint IS NULL OR o.org_id = $1) AND (c.closed_at IS NOT NULL) = $5
