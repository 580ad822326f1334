-- How many points a partition has, and the times of the first and the last.
SELECT count(*) AS points, min(ts) AS first, max(ts) AS last FROM usage_point_partition
