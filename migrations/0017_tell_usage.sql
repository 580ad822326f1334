-- Events of usage that somebody asked for (receiver/README.md), and until where events were dropped.
CREATE TABLE event_subscription (
    id         text NOT NULL CONSTRAINT event_subscription_pk PRIMARY KEY,
    type       text NOT NULL CONSTRAINT event_subscription_type CHECK (type IN ('usage.recorded', 'usage.aggregated')),
    org        text,
    org_id     bigint,
    metric     text,
    period     text CONSTRAINT event_subscription_period CHECK (period IN ('hourly', 'daily', 'monthly')),
    created_at timestamptz NOT NULL,
    CONSTRAINT event_subscription_has_period CHECK ((type = 'usage.aggregated') = (period IS NOT NULL))
);

COMMENT ON COLUMN event_subscription.id IS 'hash of type, organisation, metric and period: asked for twice is asked for once';
COMMENT ON COLUMN event_subscription.org IS 'null: every organisation';
COMMENT ON COLUMN event_subscription.metric IS 'null: every metric; may end in * and means a prefix then';

-- What a commit stored of an organisation with a subscription, until one leader has made an event of it. Appended in
-- the commit of the usage, without any lock or index; numbers and order are the leader's business.
CREATE TABLE usage_recorded (
    org_id     bigint NOT NULL,
    at         timestamptz NOT NULL,
    metric_ids bigint[] NOT NULL,
    points     integer[] NOT NULL,
    quantities numeric[] NOT NULL
);

-- Hours whose usage was rolled up or rebuilt, of organisations with a subscription to usage.aggregated.
CREATE TABLE usage_rolled (
    org_id bigint NOT NULL,
    hour   timestamptz NOT NULL
);

CREATE TABLE usage_period (
    org_id    bigint NOT NULL,
    period    text NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at   timestamptz NOT NULL,
    is_due    boolean NOT NULL,
    revision  integer NOT NULL DEFAULT 0,
    print     bytea,
    CONSTRAINT usage_period_pk PRIMARY KEY (org_id, period, starts_at)
) WITH (fillfactor = 70);

CREATE INDEX usage_period_due ON usage_period (ends_at) WHERE is_due;
CREATE INDEX usage_period_end ON usage_period (ends_at);

COMMENT ON COLUMN usage_period.is_due IS 'something of it was rolled up since it was last looked at';
COMMENT ON COLUMN usage_period.print IS 'a hash of the totals that were told last; null before the first time';

CREATE TABLE event_retention (
    only_row      boolean CONSTRAINT event_retention_pk PRIMARY KEY DEFAULT true
                  CONSTRAINT event_retention_one CHECK (only_row),
    dropped_until bigint NOT NULL
);

INSERT INTO event_retention (dropped_until) VALUES (0);

COMMENT ON COLUMN event_retention.dropped_until IS 'the number of the last event that was dropped; all before it are gone, too';

ALTER TABLE usage_touched ADD COLUMN amount numeric;

COMMENT ON COLUMN usage_touched.amount IS
    'how much left usage_delta, over all metrics; null where something else changed, or where it does not only add up';

ALTER TABLE usage_delta ADD COLUMN amount bigint;

COMMENT ON COLUMN usage_delta.amount IS 'the sum of the row''s deltas, whatever they count, rounded up; null where one is below zero or a level';
