-- Names behind the 64-bit hash ids; identities are kept so that a collision is an error and never a merge.
CREATE TABLE usage_org (
    org_id bigint CONSTRAINT usage_org_pk PRIMARY KEY,
    name   text NOT NULL CONSTRAINT usage_org_name_unique UNIQUE
);

CREATE TABLE usage_project (
    org_id     bigint NOT NULL,
    project_id bigint NOT NULL,
    name       text NOT NULL,
    CONSTRAINT usage_project_pk PRIMARY KEY (org_id, project_id)
);

CREATE TABLE usage_metric (
    metric_id bigint CONSTRAINT usage_metric_pk PRIMARY KEY,
    key       text NOT NULL,
    unit      text NOT NULL,
    kind      text NOT NULL CONSTRAINT usage_metric_kind CHECK (kind IN ('sum', 'level')),
    CONSTRAINT usage_metric_identity UNIQUE (key, unit, kind)
);

-- A set of dimensions: everything that usage is grouped by, organisation, project and metric included.
CREATE TABLE usage_dims (
    org_id     bigint NOT NULL,
    dims_id    bigint NOT NULL,
    project_id bigint NOT NULL,
    metric_id  bigint NOT NULL,
    attributes jsonb NOT NULL,
    identity   text NOT NULL,
    CONSTRAINT usage_dims_pk PRIMARY KEY (org_id, dims_id)
);

CREATE TABLE usage_series (
    org_id    bigint NOT NULL,
    series_id bigint NOT NULL,
    dims_id   bigint NOT NULL,
    scope     text NOT NULL,
    CONSTRAINT usage_series_pk PRIMARY KEY (org_id, series_id)
);

CREATE TABLE usage_writer (
    writer_id      bigint CONSTRAINT usage_writer_pk PRIMARY KEY,
    credential_org text,
    namespace      text NOT NULL,
    name           text NOT NULL,
    instance       text NOT NULL,
    identity       text NOT NULL,
    first_seen     timestamptz NOT NULL DEFAULT now()
);
