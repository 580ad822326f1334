-- Undo a copy that is not whole.
-- $1/$2 times of the first and the last.
DELETE FROM usage_point_hypertable WHERE ts BETWEEN $1 AND $2
