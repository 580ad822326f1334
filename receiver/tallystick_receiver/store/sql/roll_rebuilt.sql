-- Rollups of a window were recomputed: whoever asked for its periods may have to be told.
-- $1/$2 window in UTC days, $3 organisation or null. Index: usage_total_hourly_pk.
INSERT INTO usage_rolled (org_id, hour)
SELECT o.org_id, d.hour
FROM usage_org o, generate_series($1::timestamptz, $2::timestamptz - interval '1 hour', interval '1 hour') AS d (hour)
WHERE ($3::bigint IS NULL OR o.org_id = $3)
  AND EXISTS (SELECT FROM event_subscription s
              WHERE s.type = 'usage.aggregated' AND (s.org_id IS NULL OR s.org_id = o.org_id))
