-- The ledger (idempotency key, completeness proof and audit trail in one) and the points it stands for.
-- A quantity is mantissa * 10^exponent: 64 bits hold every integer and every double's shortest decimal.
CREATE TABLE usage_collection (
    writer_id     bigint NOT NULL,
    end_ns        bigint NOT NULL,
    part          integer NOT NULL,
    received_at   timestamptz NOT NULL,
    points        integer NOT NULL,
    series_ids    bigint[] NOT NULL,
    start_ns      bigint[] NOT NULL,
    mantissas     bigint[] NOT NULL,
    exponents     smallint[],
    metric_ids    bigint[] NOT NULL,
    metric_points integer[] NOT NULL,
    metric_sums   numeric[] NOT NULL,
    CONSTRAINT usage_collection_pk PRIMARY KEY (writer_id, end_ns, part)
);

-- Hashes do not compress: pglz would only burn CPU on them.
ALTER TABLE usage_collection
    ALTER COLUMN series_ids SET STORAGE EXTERNAL,
    ALTER COLUMN mantissas SET STORAGE EXTERNAL;

COMMENT ON COLUMN usage_collection.start_ns IS 'one start for all points, or one for each';
COMMENT ON COLUMN usage_collection.exponents IS 'null when all are 0';

CREATE TABLE usage_point (
    ts        timestamptz NOT NULL,
    org_id    bigint NOT NULL,
    series_id bigint NOT NULL,
    writer_id bigint NOT NULL,
    start_ns  bigint NOT NULL,
    mantissa  bigint NOT NULL,
    exponent  smallint NOT NULL,
    end_rest  smallint NOT NULL
);

-- The end time less one nanosecond is ts and, below its microsecond, end_rest: six bytes a point less than a bigint.
COMMENT ON COLUMN usage_point.end_rest IS 'usage_end_ns(ts, end_rest) is the end in nanoseconds';

CREATE FUNCTION usage_end_ns(ts timestamptz, end_rest smallint) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (extract(epoch FROM ts) * 1000000)::bigint * 1000 + end_rest + 1;

CREATE INDEX usage_point_ts ON usage_point USING brin (ts) WITH (autosummarize = on, pages_per_range = 32);

CREATE FUNCTION usage_quantity(mantissa bigint, exponent smallint) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN exponent <> 0 THEN (mantissa::text || 'e' || exponent::text)::numeric
                ELSE mantissa::numeric END;
