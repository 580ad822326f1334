-- Levels integrated over whole days: a day whose quarters of an hour are one chain of samples is one row to whoever asks.
-- Computed of days that are over. As long as the day counts just the samples that were integrated it is current: one that
-- comes later makes it void without a word, whoever rolls it up. By hour, so that a day can be cut where a local one begins.
ALTER TABLE usage_daily
    ADD COLUMN integrated_points bigint,
    ADD COLUMN first_ns          bigint,
    ADD COLUMN integral          numeric,
    ADD COLUMN widest_ns         bigint,
    ADD COLUMN hours             smallint[],
    ADD COLUMN hour_first_ns     bigint[],
    ADD COLUMN hour_last_ns      bigint[],
    ADD COLUMN hour_last         numeric[],
    ADD COLUMN hour_integral     numeric[];

COMMENT ON COLUMN usage_daily.integrated_points IS
    'samples of a level that the columns after it are computed of; where it is not points, they say nothing';
COMMENT ON COLUMN usage_daily.integral IS
    'of a level from first_ns to last_ns, in its unit times nanoseconds, each sample held until the next however long that is';
COMMENT ON COLUMN usage_daily.widest_ns IS
    'the longest time between two samples in different quarters of an hour; null: there is a quarter without an integral';
COMMENT ON COLUMN usage_daily.hours IS 'hours of the day that have samples, each with its first and its last one';
COMMENT ON COLUMN usage_daily.hour_integral IS 'from first_ns to the last sample of each of these hours';
