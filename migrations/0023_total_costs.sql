-- Costs by month without the dimensions of which there are many (conversations, runs), so that a month of many users is
-- read from as many rows as there are users, models and kinds. What it costs is quantity * price of the tariff.
CREATE TABLE cost_group (
    org_id     bigint NOT NULL,
    group_id   bigint NOT NULL,
    project_id bigint NOT NULL,
    metric     text NOT NULL,
    unit       text NOT NULL,
    attributes jsonb NOT NULL,
    source     text NOT NULL,
    grade      text NOT NULL,
    CONSTRAINT cost_group_pk PRIMARY KEY (org_id, group_id)
);

COMMENT ON COLUMN cost_group.group_id IS 'hash of the other columns';

ALTER TABLE cost_line ADD COLUMN group_id bigint NOT NULL;

CREATE TABLE usage_cost_monthly (
    org_id        bigint NOT NULL,
    month         timestamptz NOT NULL,
    group_id      bigint NOT NULL,
    tariff_id     bigint NOT NULL,
    is_adjustment boolean NOT NULL,
    quantity      numeric NOT NULL,
    CONSTRAINT usage_cost_monthly_pk PRIMARY KEY (org_id, month, group_id, tariff_id, is_adjustment)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);

-- Pricing anew changes most rows of a month at once: with half of each page free they stay where their index says.
ALTER TABLE usage_cost SET (fillfactor = 50);

-- The value of a dimension of a line: an attribute by the name that rates use or as it was sent, or, where the key
-- begins with @, a column of the line or its tariff.
CREATE FUNCTION cost_name(
    key text, other text, is_resolved boolean, attributes jsonb, resolved jsonb, source text, grade text, state text,
    is_adjustment boolean
) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE key
    WHEN '@source' THEN source
    WHEN '@grade' THEN grade
    WHEN '@state' THEN state
    WHEN '@category' THEN CASE WHEN is_adjustment THEN 'adjustment' ELSE 'usage' END
    ELSE coalesce(CASE WHEN is_resolved THEN resolved ->> key END, attributes ->> key, attributes ->> other)
END;

-- Where something is taken out of what another line holds, it may be more than that: reports look at these lines only.
CREATE INDEX cost_line_taken ON cost_line (org_id) WHERE factor = -1;
