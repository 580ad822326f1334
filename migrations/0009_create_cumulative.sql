-- What is known of cumulative streams, so that whatever arrives next can be counted as a difference, in any order.
CREATE TABLE usage_cumulative (
    writer_id        bigint NOT NULL,
    series_id        bigint NOT NULL,
    start_ns         bigint NOT NULL,
    at_ns            bigint NOT NULL,
    first_ns         bigint NOT NULL,
    first_mantissa   bigint NOT NULL,
    first_exponent   smallint NOT NULL,
    end_ns           bigint NOT NULL,
    mantissa         bigint NOT NULL,
    exponent         smallint NOT NULL,
    reached_mantissa bigint NOT NULL,
    reached_exponent smallint NOT NULL,
    CONSTRAINT usage_cumulative_pk PRIMARY KEY (writer_id, series_id, start_ns, at_ns)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);

COMMENT ON COLUMN usage_cumulative.start_ns IS 'the start that the points say; 0: none';
COMMENT ON COLUMN usage_cumulative.at_ns IS 'the quarter of an hour of the points; where they have no start, the end of the one point';
COMMENT ON COLUMN usage_cumulative.first_ns IS 'end of the earliest point, whose value is first_*';
COMMENT ON COLUMN usage_cumulative.end_ns IS 'end of the point with the highest value, which is mantissa * 10^exponent';
COMMENT ON COLUMN usage_cumulative.reached_mantissa IS 'reached_*: the highest value of this row and all before it';

ALTER TABLE usage_writer ADD COLUMN cumulative_since_ns bigint;

COMMENT ON COLUMN usage_writer.cumulative_since_ns
    IS 'cumulative streams that started before this count from their first known value; null: none was seen';
