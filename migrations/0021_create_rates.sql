-- What a unit costs, from when to when, and what was known of it when: rates, factors on them, other names for models.
-- A row is never changed but to be voided, so that any earlier state can be asked for. What applies (valid) begins and
-- ends at full hours, since that is how finely usage is priced. The database itself refuses two live rows for one thing
-- at one time: a range of one number is what GiST compares by equality without an extension (migrations/README.md).
CREATE TABLE rate (
    id          text NOT NULL CONSTRAINT rate_pk PRIMARY KEY,
    org         text,
    metric      text NOT NULL,
    unit        text NOT NULL,
    selector    jsonb NOT NULL CONSTRAINT rate_selector CHECK (jsonb_typeof(selector) = 'object'),
    price       numeric NOT NULL CONSTRAINT rate_price CHECK (price >= 0 AND price < 'Infinity'),
    per_units   numeric NOT NULL CONSTRAINT rate_per_units CHECK (per_units > 0 AND per_units < 'Infinity'),
    currency    text NOT NULL CONSTRAINT rate_currency CHECK (currency ~ '^[A-Z]{3}$'),
    valid       tstzrange NOT NULL CONSTRAINT rate_valid CHECK (
                    NOT isempty(valid) AND coalesce(extract(epoch FROM lower(valid)) % 3600, 0) = 0
                    AND coalesce(extract(epoch FROM upper(valid)) % 3600, 0) = 0),
    week_hours  int4multirange NOT NULL DEFAULT '{[0,168)}'
                CONSTRAINT rate_week_hours CHECK (
                    NOT isempty(week_hours) AND week_hours <@ '{[0,168)}'::int4multirange),
    source_url  text NOT NULL CONSTRAINT rate_source CHECK (source_url <> ''),
    checked_on  date NOT NULL,
    note        text NOT NULL,
    recorded_at timestamptz NOT NULL,
    voided_at   timestamptz CONSTRAINT rate_voided CHECK (voided_at >= recorded_at),
    subject_id  bigint NOT NULL GENERATED ALWAYS AS (
                    hashtextextended(selector::text || chr(31) || metric || chr(31) || unit
                                     || chr(31) || coalesce(org, ''), 0)) STORED,
    CONSTRAINT rate_overlap EXCLUDE USING gist (
        int8range(subject_id, subject_id, '[]') WITH =, valid WITH &&, week_hours WITH &&) WHERE (voided_at IS NULL)
);

CREATE INDEX rate_metric ON rate (metric, id);

COMMENT ON COLUMN rate.org IS 'null: for every organisation that has no own one';
COMMENT ON COLUMN rate.selector IS
    'dimension -> value: which usage of the metric it prices; a dimension that is not named may have any value';
COMMENT ON COLUMN rate.price IS 'of per_units units, as published';
COMMENT ON COLUMN rate.week_hours IS 'hours of a UTC week in which it holds; 0 begins on Monday';
COMMENT ON COLUMN rate.subject_id IS
    'what it is a rate of; equal hashes of different things would be refused, never merged';

CREATE TABLE rate_modifier (
    id          text NOT NULL CONSTRAINT rate_modifier_pk PRIMARY KEY,
    org         text,
    layer       text NOT NULL CONSTRAINT rate_modifier_layer CHECK (layer IN ('list', 'contract', 'resale')),
    metric      text NOT NULL,
    selector    jsonb NOT NULL CONSTRAINT rate_modifier_selector CHECK (jsonb_typeof(selector) = 'object'),
    factor      numeric NOT NULL CONSTRAINT rate_modifier_factor CHECK (factor >= 0 AND factor < 'Infinity'),
    valid       tstzrange NOT NULL CONSTRAINT rate_modifier_valid CHECK (
                    NOT isempty(valid) AND coalesce(extract(epoch FROM lower(valid)) % 3600, 0) = 0
                    AND coalesce(extract(epoch FROM upper(valid)) % 3600, 0) = 0),
    source_url  text NOT NULL CONSTRAINT rate_modifier_source CHECK (source_url <> ''),
    checked_on  date NOT NULL,
    note        text NOT NULL,
    recorded_at timestamptz NOT NULL,
    voided_at   timestamptz CONSTRAINT rate_modifier_voided CHECK (voided_at >= recorded_at),
    subject_id  bigint NOT NULL GENERATED ALWAYS AS (
                    hashtextextended(selector::text || chr(31) || metric || chr(31) || layer
                                     || chr(31) || coalesce(org, ''), 0)) STORED,
    CONSTRAINT rate_modifier_overlap EXCLUDE USING gist (
        int8range(subject_id, subject_id, '[]') WITH =, valid WITH &&) WHERE (voided_at IS NULL)
);

COMMENT ON COLUMN rate_modifier.metric IS 'a key, or a prefix that ends in *';
COMMENT ON COLUMN rate_modifier.layer IS
    'list: what is published besides the price; contract: what is agreed with the provider; resale: what is charged on';

CREATE TABLE rate_alias (
    id          text NOT NULL CONSTRAINT rate_alias_pk PRIMARY KEY,
    org         text,
    dimension   text NOT NULL,
    match       text NOT NULL CONSTRAINT rate_alias_match CHECK (match IN ('exact', 'prefix', 'regex')),
    pattern     text NOT NULL CONSTRAINT rate_alias_pattern CHECK (pattern <> ''),
    selector    jsonb NOT NULL CONSTRAINT rate_alias_selector CHECK (jsonb_typeof(selector) = 'object'),
    value       text NOT NULL CONSTRAINT rate_alias_value CHECK (value <> ''),
    priority    integer NOT NULL,
    valid       tstzrange NOT NULL CONSTRAINT rate_alias_valid CHECK (
                    NOT isempty(valid) AND coalesce(extract(epoch FROM lower(valid)) % 3600, 0) = 0
                    AND coalesce(extract(epoch FROM upper(valid)) % 3600, 0) = 0),
    note        text NOT NULL,
    recorded_at timestamptz NOT NULL,
    voided_at   timestamptz CONSTRAINT rate_alias_voided CHECK (voided_at >= recorded_at),
    subject_id  bigint NOT NULL GENERATED ALWAYS AS (
                    hashtextextended(selector::text || chr(31) || dimension || chr(31) || match
                                     || chr(31) || pattern || chr(31) || coalesce(org, ''), 0)) STORED,
    CONSTRAINT rate_alias_overlap EXCLUDE USING gist (
        int8range(subject_id, subject_id, '[]') WITH =, valid WITH &&) WHERE (voided_at IS NULL)
);

COMMENT ON TABLE rate_alias IS 'another name of a dimension''s value: which rates price usage that is called so';
COMMENT ON COLUMN rate_alias.match IS
    'all are anchored: the whole value, its beginning, or a regular expression for the whole of it';
COMMENT ON COLUMN rate_alias.selector IS 'where it counts, for instance {"gen_ai.provider.name": "azure.ai.openai"}';
