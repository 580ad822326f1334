-- Organisations' days of levels that are over and whose integrals are not those of all their samples, the newest first.
-- $1 the first day that is not over, $2 organisations' days at most.
-- A look at all rows of the days whose quarters are kept: an index of them would cost the roller more.
SELECT org_id, day, count(*) AS sets
FROM usage_daily
WHERE day < $1 AND last_ns IS NOT NULL AND integrated_points IS DISTINCT FROM points
  AND day >= (SELECT dropped_before FROM usage_retention WHERE relation = 'usage_quarter_hourly')
GROUP BY org_id, day
ORDER BY day DESC, org_id
LIMIT $2
