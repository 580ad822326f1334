-- How many points of a window were copied.
-- $1/$2 times of the first and the last.
SELECT count(*) FROM usage_point_hypertable WHERE ts BETWEEN $1 AND $2
