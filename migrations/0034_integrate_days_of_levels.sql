-- Levels over whole days: a day is one row to whoever asks, or two where a local day begins within it, instead of quarters.
-- Computed of days that are over. As long as a day counts just the samples that were looked at its figures are current:
-- one that comes later makes them void without a word, whoever rolls it up.
ALTER TABLE usage_daily
    ADD COLUMN integrated_points bigint,
    ADD COLUMN first_ns          bigint,
    ADD COLUMN integral          numeric,
    ADD COLUMN widest_ns         bigint;

COMMENT ON COLUMN usage_daily.integrated_points IS
    'samples of a level that the columns after it and usage_level_hours are computed of; where it is not points, they are void';
COMMENT ON COLUMN usage_daily.integral IS
    'of a level from first_ns to last_ns, in its unit times nanoseconds, each sample held until the next however long that is';
COMMENT ON COLUMN usage_daily.widest_ns IS
    'the longest time between samples of different quarters of an hour; null: there is a quarter without an integral';

-- The same days by hour, so that one can be cut: an element for each hour in UTC that has samples. Beside the days, which
-- are read by whoever asks for sums, too, and kept as long as hours are. Two kilobytes stay in the row, unpacked.
CREATE TABLE usage_level_hours (
    org_id        bigint NOT NULL,
    day           timestamptz NOT NULL,
    dims_id       bigint NOT NULL,
    hours         smallint[] NOT NULL,
    first_ns      bigint[] NOT NULL,
    last_ns       bigint[] NOT NULL,
    last          numeric[] NOT NULL,
    integral      numeric[] NOT NULL,
    points        bigint[] NOT NULL,
    lowest_until  numeric[] NOT NULL,
    highest_until numeric[] NOT NULL,
    lowest_from   numeric[] NOT NULL,
    highest_from  numeric[] NOT NULL,
    CONSTRAINT usage_level_hours_pk PRIMARY KEY (org_id, day, dims_id)
) WITH (toast_tuple_target = 8160, autovacuum_vacuum_scale_factor = 0.02);

COMMENT ON COLUMN usage_level_hours.integral IS 'from the first sample of the day to the last one of the hour';
COMMENT ON COLUMN usage_level_hours.points IS 'samples of the day until the end of the hour; likewise lowest and highest';
COMMENT ON COLUMN usage_level_hours.lowest_from IS 'lowest sample of the day from the begin of the hour on; likewise highest';

INSERT INTO usage_retention (relation) VALUES ('usage_level_hours');
