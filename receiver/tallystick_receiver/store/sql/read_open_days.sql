-- Organisations' days of levels whose figures are not those of all their samples, the newest first.
-- $1/$2 window in UTC days, $3 organisations' days at most. Index: usage_daily_pk; one that knows them would cost the
-- roller its updates in place.
SELECT o.org_id, d.day, d.sets
FROM usage_org o, LATERAL (
    SELECT u.day, count(*) AS sets
    FROM usage_daily u
    WHERE u.org_id = o.org_id AND u.day < $2 AND u.last_ns IS NOT NULL AND u.integrated_points IS DISTINCT FROM u.points
      AND u.day >= greatest($1::timestamptz, (SELECT dropped_before FROM usage_retention WHERE relation = 'usage_quarter_hourly'))
    GROUP BY u.day
) AS d
ORDER BY d.day DESC, o.org_id
LIMIT $3
