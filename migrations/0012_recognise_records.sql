-- Ids of records (POST /api/v1/usage/records): what was counted under an id, so that a resend adds nothing.
-- The primary key is what makes receivers safe against each other.
CREATE TABLE usage_record (
    record_id bytea    NOT NULL CONSTRAINT usage_record_id_length CHECK (octet_length(record_id) = 16),
    series_id bigint   NOT NULL,
    end_ns    bigint   NOT NULL,
    mantissa  bigint   NOT NULL,
    exponent  smallint NOT NULL,
    is_dated  boolean  NOT NULL,
    CONSTRAINT usage_record_pk PRIMARY KEY (record_id)
);

CREATE INDEX usage_record_end ON usage_record USING brin (end_ns) WITH (pages_per_range = 32) WHERE is_dated;

COMMENT ON COLUMN usage_record.record_id IS 'a hash of the id, of what it is unique within and of the key''s organisation';
COMMENT ON COLUMN usage_record.is_dated IS
    'the sender said the time, so that its resend is too old once that day is sealed, and the row goes; others stay for ever';
