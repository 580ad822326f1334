-- Distinct values of a dimension, and which dimensions the rollups of sums and histograms keep.
ALTER TABLE metric_definition
    DROP CONSTRAINT metric_definition_aggregation,
    ADD CONSTRAINT metric_definition_aggregation
        CHECK (aggregation IN ('count', 'sum', 'avg', 'max', 'min', 'last', 'unique')),
    ADD COLUMN unique_dimension text,
    ADD COLUMN dimensions text[],
    ADD COLUMN dimensions_from timestamptz,
    ADD CONSTRAINT metric_definition_unique_dimension
        CHECK ((aggregation = 'unique') = (unique_dimension IS NOT NULL));

COMMENT ON COLUMN metric_definition.unique_dimension IS 'whose distinct values are counted';
COMMENT ON COLUMN metric_definition.dimensions IS 'null: rollups keep every dimension';
COMMENT ON COLUMN metric_definition.dimensions_from IS 'usage before this time keeps the dimensions it had';

-- What rollups keep of usage from a time on: a function of the time of usage and of nothing else, so that the order of
-- arrival, the receiver and a rebuild make no difference. A time is always later than all usage that is stored.
CREATE TABLE usage_keep (
    key        text NOT NULL,
    org        text,
    starts     timestamptz NOT NULL,
    is_own     boolean NOT NULL,
    dimensions text[],
    CONSTRAINT usage_keep_unique UNIQUE NULLS NOT DISTINCT (key, org, starts)
);

COMMENT ON COLUMN usage_keep.is_own IS 'false: from then on the organisation has no own definition any more';
COMMENT ON COLUMN usage_keep.dimensions IS 'null: all';

INSERT INTO usage_keep (key, org, starts, is_own, dimensions)
SELECT key, org, 'epoch', true, NULL FROM metric_definition WHERE org IS NOT NULL;

CREATE TABLE usage_keep_version (version bigint NOT NULL);

INSERT INTO usage_keep_version VALUES (0);

-- A volatile function looks anew after it waited for the lock; that is one round trip a commit.
CREATE FUNCTION usage_keep_locked(lock bigint) RETURNS bigint
    LANGUAGE plpgsql VOLATILE AS
$$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(lock);
    RETURN (SELECT version FROM usage_keep_version);
END
$$;

-- Sets of dimensions as rollups hold them. Without a row up to a time a set is kept whole.
CREATE TABLE usage_dims_kept (
    org_id  bigint NOT NULL,
    dims_id bigint NOT NULL,
    starts  timestamptz NOT NULL,
    kept_id bigint NOT NULL,
    CONSTRAINT usage_dims_kept_pk PRIMARY KEY (org_id, dims_id, starts)
);

COMMENT ON COLUMN usage_dims_kept.starts IS 'of usage from then on, until the next row of the set';
