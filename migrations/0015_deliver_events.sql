-- Where events are sent, and the way of each event to each recipient.
CREATE TABLE webhook (
    id               text NOT NULL CONSTRAINT webhook_pk PRIMARY KEY,
    kind             text NOT NULL CONSTRAINT webhook_kind CHECK (kind IN ('webhook', 'slack')),
    org              text,
    url              text NOT NULL,
    types            text[],
    description      text NOT NULL,
    is_enabled       boolean NOT NULL,
    disabled_because text,
    secret           text,
    old_secret       text,
    old_secret_until timestamptz,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    CONSTRAINT webhook_secret CHECK ((kind = 'webhook') = (secret IS NOT NULL))
);

CREATE INDEX webhook_org ON webhook (org);

COMMENT ON COLUMN webhook.org IS 'null: of the operator, it is told what concerns any organisation';
COMMENT ON COLUMN webhook.types IS 'null: every type of event';
COMMENT ON COLUMN webhook.secret IS 'as it is shared with the endpoint: signing needs it in clear';

-- Written in the transaction of the event. Nothing refers to webhook by foreign key: who appends events must not wait for,
-- nor fail by, somebody who deletes an endpoint at that moment.
CREATE TABLE delivery (
    number      bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT delivery_pk PRIMARY KEY,
    event       bigint NOT NULL,
    kind        text NOT NULL CONSTRAINT delivery_kind CHECK (kind IN ('webhook', 'slack', 'email')),
    webhook     text,
    email       text,
    lane        text NOT NULL,
    org         text,
    state       text NOT NULL DEFAULT 'waiting' CONSTRAINT delivery_state CHECK (state IN ('waiting', 'delivered', 'parked')),
    attempts    integer NOT NULL DEFAULT 0,
    since       timestamptz NOT NULL,
    due_at      timestamptz NOT NULL,
    tried_at    timestamptz,
    finished_at timestamptz,
    error       text,
    CONSTRAINT delivery_once UNIQUE NULLS NOT DISTINCT (event, webhook, email)
) WITH (fillfactor = 80);

CREATE INDEX delivery_due ON delivery (kind, lane, due_at, number) WHERE state = 'waiting';
CREATE INDEX delivery_parked ON delivery (lane, number) WHERE state = 'parked';
CREATE INDEX delivery_finished ON delivery (finished_at) WHERE state <> 'waiting';
CREATE INDEX delivery_org ON delivery (org, number);

COMMENT ON COLUMN delivery.lane IS 'what is sent one after the other: an endpoint, or the e-mails of an organisation';
COMMENT ON COLUMN delivery.org IS 'whose recipient it is; null: the operator''s';
COMMENT ON COLUMN delivery.since IS 'from when on the time to give up runs';
COMMENT ON COLUMN delivery.attempts IS 'counted before each attempt; what is noted of an earlier one no longer counts';
