-- What usage costs: quantity times the rate that was valid at its hour, a row for each line of usage and hour.
-- A line is what is priced of a set of dimensions; a tariff is what one unit of it costs, and why. cost is always
-- quantity times the tariff's price, exactly, so that sums are the same in any grouping.
CREATE TABLE cost_key (
    key_id     bigint NOT NULL CONSTRAINT cost_key_pk PRIMARY KEY,
    metric     text NOT NULL,
    unit       text NOT NULL,
    attributes jsonb NOT NULL
);

COMMENT ON TABLE cost_key IS 'what a price is looked up by: a metric and those of its dimensions that rates may name';

CREATE TABLE cost_scheme (
    metric     text NOT NULL CONSTRAINT cost_scheme_pk PRIMARY KEY,
    dimensions text[] NOT NULL
);

COMMENT ON TABLE cost_scheme IS 'by which dimensions the keys of a metric''s lines were made';

CREATE TABLE cost_line (
    org_id     bigint NOT NULL,
    dims_id    bigint NOT NULL,
    part       smallint NOT NULL,
    project_id bigint NOT NULL,
    metric     text NOT NULL,
    unit       text NOT NULL,
    factor     smallint NOT NULL CONSTRAINT cost_line_factor CHECK (factor IN (-1, 1)),
    attributes jsonb NOT NULL,
    source     text NOT NULL,
    grade      text NOT NULL,
    precedence smallint,
    sender_id  bigint NOT NULL,
    key_id     bigint NOT NULL,
    CONSTRAINT cost_line_pk PRIMARY KEY (org_id, dims_id, part)
);

COMMENT ON COLUMN cost_line.part IS
    'one set of dimensions may stand for several lines: input less what was cached of it';
COMMENT ON COLUMN cost_line.attributes IS 'by the names of tallystick.llm, whatever the sender calls them';
COMMENT ON COLUMN cost_line.source IS 'the metric as it was sent';
COMMENT ON COLUMN cost_line.grade IS 'how well it can be priced: exact, cache_blind, ttl_unknown';
COMMENT ON COLUMN cost_line.precedence IS
    'of those that count the same usage at one sender in one hour the least counts; null: always';
COMMENT ON COLUMN cost_line.sender_id IS 'hash of project and service, within which precedence holds';

CREATE TABLE cost_tariff (
    tariff_id    bigint NOT NULL CONSTRAINT cost_tariff_pk PRIMARY KEY,
    state        text NOT NULL,
    rate_id      text,
    modifier_ids text[] NOT NULL,
    currency     text,
    list_price   numeric,
    price        numeric,
    billed_price numeric,
    resolved     jsonb NOT NULL,
    notes        text[] NOT NULL,
    CONSTRAINT cost_tariff_priced CHECK ((state = 'priced') = (rate_id IS NOT NULL AND currency IS NOT NULL
        AND list_price IS NOT NULL AND price IS NOT NULL AND billed_price IS NOT NULL))
);

COMMENT ON TABLE cost_tariff IS 'never changed: another price is another tariff';
COMMENT ON COLUMN cost_tariff.state IS
    'priced, or why not: unpriced, tier_unpriced, context_band_unpriced, superseded ...';
COMMENT ON COLUMN cost_tariff.list_price IS 'of one unit: the rate and what is published besides it';
COMMENT ON COLUMN cost_tariff.price IS 'of one unit: with what is agreed with the provider';
COMMENT ON COLUMN cost_tariff.billed_price IS 'of one unit: with what is charged on';
COMMENT ON COLUMN cost_tariff.resolved IS 'dimensions whose value was found under another name';
COMMENT ON COLUMN cost_tariff.notes IS 'what was assumed: rate_of_input, context_band_assumed ...';

CREATE TABLE usage_cost (
    org_id    bigint NOT NULL,
    hour      timestamptz NOT NULL,
    dims_id   bigint NOT NULL,
    part      smallint NOT NULL,
    booking   integer NOT NULL,
    tariff_id bigint NOT NULL,
    quantity  numeric NOT NULL,
    cost      numeric,
    booked_at timestamptz,
    CONSTRAINT usage_cost_pk PRIMARY KEY (org_id, hour, dims_id, part, booking),
    CONSTRAINT usage_cost_booked CHECK ((booking = 0) = (booked_at IS NULL))
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);

COMMENT ON COLUMN usage_cost.booking IS '0 as first computed; above it is an adjustment to a closed month';
COMMENT ON COLUMN usage_cost.cost IS 'quantity * price of the tariff; null when it has none';
COMMENT ON COLUMN usage_cost.booked_at IS 'of an adjustment';

CREATE TABLE cost_month (
    month     timestamptz NOT NULL CONSTRAINT cost_month_pk PRIMARY KEY,
    begun_at  timestamptz NOT NULL,
    asked_at  timestamptz,
    closed_at timestamptz,
    known_at  timestamptz,
    CONSTRAINT cost_month_closed CHECK ((closed_at IS NULL) = (known_at IS NULL))
);

COMMENT ON COLUMN cost_month.begun_at IS 'when it first had costs';
COMMENT ON COLUMN cost_month.asked_at IS 'when somebody asked to close it';
COMMENT ON COLUMN cost_month.known_at IS 'rates as they were known then count for it';

-- Appended without any key, so that whoever appends never waits for the duty that prices and deletes what it saw.
CREATE TABLE cost_due (
    org_id bigint NOT NULL,
    hour   timestamptz NOT NULL
);

COMMENT ON TABLE cost_due IS 'usage of an organisation and hour changed since it was priced';

CREATE TABLE cost_rerate (
    org_id    bigint,
    metric    text,
    valid     tstzrange NOT NULL,
    of_closed boolean NOT NULL
);

COMMENT ON TABLE cost_rerate IS
    'rates changed: usage of these hours is to be priced again, of all organisations and metrics where it names none';

COMMENT ON COLUMN cost_rerate.of_closed IS 'whether closed months are meant, instead of open ones';

CREATE TABLE cost_asof (
    is_only   boolean NOT NULL DEFAULT true CONSTRAINT cost_asof_pk PRIMARY KEY CHECK (is_only),
    priced_at timestamptz NOT NULL
);

COMMENT ON TABLE cost_asof IS 'when the duty that prices last had nothing left to do';

-- Hours of an organisation, priced: what usage_cost shall hold. Of several ways in which one sender counted the same
-- usage in an hour the best one counts. Segments come as arrays: what a unit of a key costs, by which tariff, from when
-- to when.
CREATE FUNCTION cost_of(
    org bigint, hours timestamptz[], metrics text[], key_ids bigint[], lowers timestamptz[], uppers timestamptz[],
    tariff_ids bigint[], prices numeric[], superseded_id bigint, is_contested boolean
) RETURNS TABLE (hour timestamptz, dims_id bigint, part smallint, tariff_id bigint, quantity numeric, cost numeric)
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH used AS MATERIALIZED (
        SELECT h.hour, q.dims_id, sum(q.quantity) AS quantity
        FROM unnest(hours) AS h (hour), LATERAL (
            SELECT u.dims_id, u.quantity FROM usage_quarter_hourly u
            WHERE u.org_id = org AND u.quarter >= h.hour AND u.quarter < h.hour + interval '1 hour'
              AND u.last_ns IS NULL
            OFFSET 0
        ) AS q
        GROUP BY h.hour, q.dims_id
        HAVING sum(q.quantity) <> 0
    ), line AS MATERIALIZED (
        SELECT u.hour, u.dims_id, l.part, l.key_id, l.sender_id, l.precedence, u.quantity * l.factor AS quantity
        FROM used u
        JOIN cost_line l ON l.org_id = org AND l.dims_id = u.dims_id AND l.metric = ANY (metrics)
    ), best AS MATERIALIZED (
        SELECT l.hour, l.sender_id, min(l.precedence) AS precedence
        FROM line l
        WHERE is_contested AND l.precedence IS NOT NULL
        GROUP BY l.hour, l.sender_id
    )
    SELECT l.hour, l.dims_id, l.part,
           CASE WHEN b.precedence < l.precedence THEN superseded_id ELSE s.tariff_id END, l.quantity,
           CASE WHEN b.precedence < l.precedence THEN NULL ELSE l.quantity * s.price END
    FROM line l
    JOIN unnest(key_ids, lowers, uppers, tariff_ids, prices) AS s (key_id, lower, upper, tariff_id, price)
         ON s.key_id = l.key_id AND l.hour >= s.lower AND l.hour < s.upper
    LEFT JOIN best b ON b.hour = l.hour AND b.sender_id = l.sender_id;
END;
