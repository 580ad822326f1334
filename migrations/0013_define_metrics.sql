-- What metrics mean: how their stored usage is read. A metric without a row here was never seen and never defined.
CREATE TABLE metric_definition (
    id          text NOT NULL CONSTRAINT metric_definition_pk PRIMARY KEY,
    key         text NOT NULL,
    org         text,
    name        text NOT NULL,
    description text NOT NULL,
    unit        text NOT NULL,
    aggregation text NOT NULL CONSTRAINT metric_definition_aggregation
                CHECK (aggregation IN ('count', 'sum', 'avg', 'max', 'min', 'last')),
    reset       text NOT NULL CONSTRAINT metric_definition_reset
                CHECK (reset IN ('never', 'hourly', 'daily', 'monthly')),
    is_seen     boolean NOT NULL,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    CONSTRAINT metric_definition_unique UNIQUE NULLS NOT DISTINCT (key, org)
);

COMMENT ON COLUMN metric_definition.id IS 'hash of key and organisation';
COMMENT ON COLUMN metric_definition.org IS 'null: of every organisation that has no own one';
COMMENT ON COLUMN metric_definition.is_seen IS 'it defined itself when its first usage was stored, and nobody changed it';

-- What happened, in the order in which it was committed: whoever writes holds an advisory lock until its commit
-- (store/events.py), so a number never appears behind a reader's cursor.
CREATE TABLE event (
    number bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT event_pk PRIMARY KEY,
    id     text NOT NULL CONSTRAINT event_id_unique UNIQUE,
    type   text NOT NULL,
    org    text,
    at     timestamptz NOT NULL,
    body   text NOT NULL
);

CREATE INDEX event_org ON event (org, number);

COMMENT ON COLUMN event.org IS 'null: it concerns every organisation';
COMMENT ON COLUMN event.body IS 'JSON, exactly as it is sent, so that its signature can be repeated';
