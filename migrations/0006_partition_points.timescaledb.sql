-- TimescaleDB, both editions: points in a hypertable. Chunks of a day; points_chunk_hours changes those to come.
SELECT create_hypertable('usage_point', by_range('ts', INTERVAL '1 day'), create_default_indexes => false,
                         migrate_data => true);
