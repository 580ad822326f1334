-- Costs by month and user, in amounts: what all users of a month cost is read from as many rows as there are users,
-- however many models, kinds, features and agents they used. Amounts are sums of quantity * price, exactly.
CREATE FUNCTION cost_user(attributes jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN jsonb_strip_nulls(jsonb_build_object(
    'user.id', attributes -> 'user.id', 'otel.metric.overflow', attributes -> 'otel.metric.overflow'));

-- Of 128 bits, and of a hash that nobody finds a second text for by chance: what has one id is one user's.
ALTER TABLE cost_group ADD COLUMN user_id uuid NOT NULL GENERATED ALWAYS AS (
    md5(project_id::text || chr(31) || metric || chr(31) || unit || chr(31) || grade || chr(31)
        || cost_user(attributes)::text)::uuid) STORED;

COMMENT ON COLUMN cost_group.user_id IS 'hash of what totals by user keep of it';

CREATE TABLE usage_cost_user_monthly (
    org_id        bigint NOT NULL,
    month         timestamptz NOT NULL,
    user_id       uuid NOT NULL,
    state         text NOT NULL,
    currency      text,
    is_adjustment boolean NOT NULL,
    project_id    bigint NOT NULL,
    metric        text NOT NULL,
    unit          text NOT NULL,
    grade         text NOT NULL,
    attributes    jsonb NOT NULL,
    quantity      numeric NOT NULL,
    cost          numeric,
    list_cost     numeric,
    billed_cost   numeric,
    CONSTRAINT usage_cost_user_monthly_key
        UNIQUE NULLS NOT DISTINCT (org_id, month, user_id, state, currency, is_adjustment)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);

COMMENT ON COLUMN usage_cost_user_monthly.attributes IS 'the user, or that a limit of an SDK took it';

INSERT INTO usage_cost_user_monthly
SELECT m.org_id, m.month, g.user_id, t.state, t.currency, m.is_adjustment, any_value(g.project_id), any_value(g.metric),
       any_value(g.unit), any_value(g.grade), cost_user(any_value(g.attributes)), sum(m.quantity),
       sum(m.quantity * t.price), sum(m.quantity * t.list_price), sum(m.quantity * t.billed_price)
FROM usage_cost_monthly m
JOIN cost_group g ON g.org_id = m.org_id AND g.group_id = m.group_id
JOIN cost_tariff t ON t.tariff_id = m.tariff_id
WHERE m.quantity <> 0
GROUP BY 1, 2, 3, 4, 5, 6;
