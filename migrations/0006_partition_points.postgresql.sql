-- Plain PostgreSQL: points in partitions of a day, made ahead of time and dropped whole.
ALTER TABLE usage_point RENAME TO usage_point_first;
ALTER INDEX usage_point_ts RENAME TO usage_point_first_ts;

CREATE TABLE usage_point (LIKE usage_point_first INCLUDING COMMENTS) PARTITION BY RANGE (ts);
CREATE INDEX usage_point_ts ON usage_point USING brin (ts) WITH (autosummarize = on, pages_per_range = 32);

DO $$
DECLARE
    last timestamptz := (SELECT max(ts) FROM usage_point_first);
BEGIN
    IF last IS NULL THEN
        DROP TABLE usage_point_first;
    ELSE
        EXECUTE format('ALTER TABLE usage_point ATTACH PARTITION usage_point_first FOR VALUES FROM (MINVALUE) TO (%L)',
                       date_trunc('day', last, 'UTC') + interval '1 day');
    END IF;
END
$$;
