-- The two halves compared: what senders announce of their collections, how far that is accounted for, what is missing.

-- Announced, and not found whole in the ledger yet; the balancer deletes what it settles.
CREATE TABLE usage_announcement (
    writer_id   bigint NOT NULL,
    begun_ns    bigint NOT NULL,
    sequence    bigint NOT NULL,
    start_ns    bigint NOT NULL,
    end_ns      bigint NOT NULL,
    interval_ns bigint NOT NULL,
    is_last     boolean NOT NULL,
    tally       text NOT NULL,
    received_at timestamptz NOT NULL,
    check_after timestamptz NOT NULL,
    is_counted  boolean NOT NULL DEFAULT false,
    CONSTRAINT usage_announcement_pk PRIMARY KEY (writer_id, begun_ns, sequence)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);

CREATE INDEX usage_announcement_due ON usage_announcement (check_after);

COMMENT ON COLUMN usage_announcement.tally IS
    '[[metric id, points, "sum", points in total, "sum in total"], ...] as JSON';
COMMENT ON COLUMN usage_announcement.is_counted IS 'its run holds it already; what it lacks is a gap';

-- One sequence of collections: a writer, from when a process began to tell.
CREATE TABLE usage_sender (
    writer_id        bigint NOT NULL,
    begun_ns         bigint NOT NULL,
    interval_ns      bigint NOT NULL,
    accounted_to_ns  bigint NOT NULL,
    last_end_ns      bigint NOT NULL,
    last_received_at timestamptz NOT NULL,
    has_ended        boolean NOT NULL,
    check_after      timestamptz,
    CONSTRAINT usage_sender_pk PRIMARY KEY (writer_id, begun_ns)
) WITH (fillfactor = 70);

CREATE INDEX usage_sender_due ON usage_sender (check_after) WHERE check_after IS NOT NULL;

COMMENT ON COLUMN usage_sender.accounted_to_ns IS 'until then everything is in the ledger or in usage_gap';
COMMENT ON COLUMN usage_sender.check_after IS 'when to look at the holes between its runs again; null: there are none';

-- Announced collections without a hole between them; a sequence has one of these, and one more for each hole.
CREATE TABLE usage_run (
    writer_id      bigint NOT NULL,
    begun_ns       bigint NOT NULL,
    first_sequence bigint NOT NULL,
    last_sequence  bigint NOT NULL,
    start_ns       bigint NOT NULL,
    end_ns         bigint NOT NULL,
    before         text NOT NULL,
    after          text NOT NULL,
    received_at    timestamptz NOT NULL,
    CONSTRAINT usage_run_pk PRIMARY KEY (writer_id, begun_ns, first_sequence)
) WITH (fillfactor = 70);

COMMENT ON COLUMN usage_run.before IS '[[metric id, points in total, "sum in total"], ...] before its first collection';
COMMENT ON COLUMN usage_run.after IS 'the same after its last one';

-- What is known to be missing: announced, and not in the ledger.
CREATE TABLE usage_gap (
    writer_id bigint NOT NULL,
    begun_ns  bigint NOT NULL,
    sequence  bigint NOT NULL,
    metric_id bigint NOT NULL,
    start_ns  bigint NOT NULL,
    end_ns    bigint NOT NULL,
    points    bigint NOT NULL,
    quantity  numeric NOT NULL,
    CONSTRAINT usage_gap_pk PRIMARY KEY (writer_id, begun_ns, sequence, metric_id)
);

CREATE INDEX usage_gap_time ON usage_gap (end_ns);

COMMENT ON COLUMN usage_gap.sequence IS 'the collection that is short, or the first of those of which nothing is known';

-- Who wrote what in which hour without announcing it in the same request: nobody can tell what of it is missing.
CREATE TABLE usage_presence (
    hour      timestamptz NOT NULL,
    writer_id bigint NOT NULL,
    metric_id bigint NOT NULL,
    CONSTRAINT usage_presence_pk PRIMARY KEY (hour, writer_id, metric_id)
);


-- Deltas that several processes of a service sent over the very same time: copies that a fork made, perhaps. They are counted.
CREATE TABLE usage_copy (
    start_ns  bigint NOT NULL,
    end_ns    bigint NOT NULL,
    writer_id bigint NOT NULL,
    metric_id bigint NOT NULL,
    writers   integer NOT NULL,
    points    bigint NOT NULL,
    quantity  numeric NOT NULL,
    CONSTRAINT usage_copy_pk PRIMARY KEY (start_ns, writer_id, metric_id)
);

CREATE INDEX usage_copy_time ON usage_copy (end_ns);

COMMENT ON COLUMN usage_copy.writer_id IS 'one of them';
COMMENT ON COLUMN usage_copy.quantity IS 'at most so much is counted more than once';
