-- Usage that can be read at once: deltas written with the points, and the rollups that a roller merges them into.
-- The finest rollup is a quarter of an hour, since local days begin at :30 and :45 in some zones.

-- One row is a page of deltas of one organisation and quarter: appending and deleting 64 at a time costs a
-- fraction of the WAL and CPU of a row each (migrations/README.md).
CREATE TABLE usage_delta (
    org_id    bigint NOT NULL,
    quarter   timestamptz NOT NULL,
    dims_ids  bigint[] NOT NULL,
    mantissas bigint[] NOT NULL,
    exponents smallint[],
    points    integer[],
    level_ns  bigint[]
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
        autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 200000);

CREATE INDEX usage_delta_org ON usage_delta (org_id);

COMMENT ON COLUMN usage_delta.exponents IS 'null when all are 0';
COMMENT ON COLUMN usage_delta.points IS 'null when all are 1';
COMMENT ON COLUMN usage_delta.level_ns IS 'time of each sample of a level; null for sums';

CREATE TABLE usage_quarter_hourly (
    org_id   bigint NOT NULL,
    quarter  timestamptz NOT NULL,
    dims_id  bigint NOT NULL,
    quantity numeric NOT NULL,
    points   bigint NOT NULL,
    lowest   numeric,
    highest  numeric,
    last     numeric,
    last_ns  bigint,
    CONSTRAINT usage_quarter_hourly_pk PRIMARY KEY (org_id, quarter, dims_id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);

CREATE TABLE usage_daily (
    org_id   bigint NOT NULL,
    day      timestamptz NOT NULL,
    dims_id  bigint NOT NULL,
    quantity numeric NOT NULL,
    points   bigint NOT NULL,
    lowest   numeric,
    highest  numeric,
    last     numeric,
    last_ns  bigint,
    CONSTRAINT usage_daily_pk PRIMARY KEY (org_id, day, dims_id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);

-- Sums only, without dimensions: what a dashboard asks for.
CREATE TABLE usage_total_hourly (
    org_id     bigint NOT NULL,
    hour       timestamptz NOT NULL,
    project_id bigint NOT NULL,
    metric_id  bigint NOT NULL,
    quantity   numeric NOT NULL,
    points     bigint NOT NULL,
    CONSTRAINT usage_total_hourly_pk PRIMARY KEY (org_id, hour, project_id, metric_id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);

CREATE TABLE usage_total_daily (
    org_id     bigint NOT NULL,
    day        timestamptz NOT NULL,
    project_id bigint NOT NULL,
    metric_id  bigint NOT NULL,
    quantity   numeric NOT NULL,
    points     bigint NOT NULL,
    CONSTRAINT usage_total_daily_pk PRIMARY KEY (org_id, day, project_id, metric_id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
