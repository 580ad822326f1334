-- Where the points of plain PostgreSQL are copied to.
CREATE TABLE IF NOT EXISTS usage_point_hypertable (LIKE usage_point INCLUDING COMMENTS);
SELECT create_hypertable('usage_point_hypertable', by_range('ts', INTERVAL '1 day'), create_default_indexes => false,
                         if_not_exists => true);
CREATE INDEX IF NOT EXISTS usage_point_hypertable_ts
    ON usage_point_hypertable USING brin (ts) WITH (autosummarize = on, pages_per_range = 32)
