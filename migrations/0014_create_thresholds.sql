-- Limits on usage, what adds levels to them, which levels were reached in which period, and where usage changed.
CREATE TABLE threshold (
    id           text NOT NULL CONSTRAINT threshold_pk PRIMARY KEY,
    org          text NOT NULL,
    org_id       bigint NOT NULL,
    metric       text NOT NULL,
    subject_type text NOT NULL,
    subject      text NOT NULL,
    amount       numeric NOT NULL CONSTRAINT threshold_amount CHECK (amount > 0),
    reset        text CONSTRAINT threshold_reset CHECK (reset IN ('never', 'hourly', 'daily', 'monthly')),
    zone         text NOT NULL,
    levels       integer[] NOT NULL,
    action       text NOT NULL CONSTRAINT threshold_action CHECK (action IN ('alert', 'block', 'none')),
    emails       text[] NOT NULL,
    slack        boolean NOT NULL,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL
);

CREATE INDEX threshold_org ON threshold (org_id, metric);
CREATE INDEX threshold_metric ON threshold (metric);

COMMENT ON COLUMN threshold.reset IS 'null: as the metric''s definition says';
COMMENT ON COLUMN threshold.levels IS 'in percent of the amount, ascending';

CREATE TABLE usage_alert (
    id         text NOT NULL CONSTRAINT usage_alert_pk PRIMARY KEY,
    org        text,
    metric     text,
    percent    integer NOT NULL,
    emails     text[] NOT NULL,
    slack      boolean NOT NULL,
    created_at timestamptz NOT NULL
);

COMMENT ON TABLE usage_alert IS 'a level for every threshold, of an organisation or a metric where it names one';

CREATE TABLE threshold_crossing (
    threshold_id text NOT NULL,
    period_start timestamptz NOT NULL,
    period_end   timestamptz NOT NULL,
    level        integer NOT NULL,
    is_over      boolean NOT NULL,
    times        integer NOT NULL,
    CONSTRAINT threshold_crossing_pk PRIMARY KEY (threshold_id, period_start, level)
) WITH (fillfactor = 70);

CREATE INDEX threshold_crossing_end ON threshold_crossing (period_end);

-- Appended without any key, so that whoever appends never waits for the evaluator, which deletes what it saw.
CREATE TABLE usage_touched (
    org_id  bigint NOT NULL,
    quarter timestamptz NOT NULL
);

COMMENT ON TABLE usage_touched IS
    'usage of an organisation with thresholds changed or left usage_delta since it was evaluated';
