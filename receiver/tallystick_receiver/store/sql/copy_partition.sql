-- Copy one partition of points.
INSERT INTO usage_point_hypertable SELECT * FROM usage_point_partition
