-- When the oldest chunk of points begins.
SELECT min(range_start) FROM timescaledb_information.chunks WHERE hypertable_name = 'usage_point'
