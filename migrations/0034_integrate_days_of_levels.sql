-- Levels over whole days: a day is one row to whoever asks, or two where a local day begins within it, instead of quarters.
-- Computed of days that are over. As long as a day counts just the samples that were looked at its figures are current:
-- one that comes later makes them void without a word, whoever rolls it up.
ALTER TABLE usage_daily
    ADD COLUMN integrated_points bigint,
    ADD COLUMN first_ns          bigint,
    ADD COLUMN integral          numeric,
    ADD COLUMN widest_ns         bigint,
    ADD COLUMN hours             smallint[],
    ADD COLUMN hour_first_ns     bigint[],
    ADD COLUMN hour_last_ns      bigint[],
    ADD COLUMN hour_last         numeric[],
    ADD COLUMN integral_until    numeric[],
    ADD COLUMN points_until      bigint[],
    ADD COLUMN lowest_until      numeric[],
    ADD COLUMN highest_until     numeric[],
    ADD COLUMN lowest_from       numeric[],
    ADD COLUMN highest_from      numeric[];

-- Two kilobytes stay in the row, and need not be unpacked.
ALTER TABLE usage_daily SET (toast_tuple_target = 8160);

COMMENT ON COLUMN usage_daily.integrated_points IS
    'samples of a level that the columns after it are computed of; where it is not points, they say nothing';
COMMENT ON COLUMN usage_daily.integral IS
    'of a level from first_ns to last_ns, in its unit times nanoseconds, each sample held until the next however long that is';
COMMENT ON COLUMN usage_daily.widest_ns IS
    'the longest time between samples of different quarters of an hour; null: there is a quarter without an integral';
COMMENT ON COLUMN usage_daily.hours IS 'hours in UTC that have samples; the arrays have an element for each';
COMMENT ON COLUMN usage_daily.integral_until IS 'from first_ns to the last sample of the hour';
COMMENT ON COLUMN usage_daily.points_until IS 'samples of the day until the end of the hour; likewise lowest and highest';
COMMENT ON COLUMN usage_daily.lowest_from IS 'lowest sample of the day from the begin of the hour on; likewise highest';
