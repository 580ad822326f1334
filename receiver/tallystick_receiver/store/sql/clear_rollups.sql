-- Empty the rollups and the waiting deltas of some days; what they cost is due.
-- $1/$2 window in UTC days, $3 organisation or null. Index: usage_*_pk.
WITH org AS MATERIALIZED (
    SELECT org_id FROM usage_org WHERE $3::bigint IS NULL OR org_id = $3
), deltas AS (
    DELETE FROM usage_delta t WHERE t.quarter >= $1 AND t.quarter < $2 AND ($3::bigint IS NULL OR t.org_id = $3)
), quarters AS (
    DELETE FROM usage_quarter_hourly u USING org WHERE u.org_id = org.org_id AND u.quarter >= $1 AND u.quarter < $2
), days AS (
    DELETE FROM usage_daily u USING org WHERE u.org_id = org.org_id AND u.day >= $1 AND u.day < $2
), level_hours AS (
    DELETE FROM usage_level_hours u USING org WHERE u.org_id = org.org_id AND u.day >= $1 AND u.day < $2
), total_hours AS (
    DELETE FROM usage_total_hourly u USING org WHERE u.org_id = org.org_id AND u.hour >= $1 AND u.hour < $2
    RETURNING u.org_id, u.hour
), due AS (
    INSERT INTO cost_due (org_id, hour) SELECT DISTINCT org_id, hour FROM total_hours
)
DELETE FROM usage_total_daily u USING org WHERE u.org_id = org.org_id AND u.day >= $1 AND u.day < $2
