-- The first UTC day of which rollups, deltas or sealed totals know anything, or null.
-- An organisation at a time, since rollups are ordered by organisation first.
-- Index: usage_daily_pk, usage_total_daily_pk, usage_quarter_hourly_pk, usage_total_hourly_pk, usage_collection_hourly_pk.
SELECT least(min((SELECT min(u.day) FROM usage_daily u WHERE u.org_id = o.org_id)),
             min((SELECT min(u.day) FROM usage_total_daily u WHERE u.org_id = o.org_id)),
             min((SELECT min(u.quarter) FROM usage_quarter_hourly u WHERE u.org_id = o.org_id)),
             min((SELECT min(u.hour) FROM usage_total_hourly u WHERE u.org_id = o.org_id)),
             (SELECT min(quarter) FROM usage_delta), (SELECT min(hour) FROM usage_collection_hourly))
FROM usage_org o
