-- The copy takes the place of the partitioned table.
DROP TABLE usage_point;
ALTER TABLE usage_point_hypertable RENAME TO usage_point;
ALTER INDEX usage_point_hypertable_ts RENAME TO usage_point_ts
