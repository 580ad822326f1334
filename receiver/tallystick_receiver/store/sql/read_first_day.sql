-- The first UTC day of which rollups, deltas or sealed totals know anything, or null.
SELECT least((SELECT min(day) FROM usage_daily), (SELECT min(day) FROM usage_total_daily),
             (SELECT min(quarter) FROM usage_quarter_hourly), (SELECT min(hour) FROM usage_total_hourly),
             (SELECT min(quarter) FROM usage_delta), (SELECT min(hour) FROM usage_collection_hourly))
