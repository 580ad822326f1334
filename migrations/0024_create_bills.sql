-- What providers say was used and what they ask for it, by report and UTC day. Rows are only added: what is imported
-- again and differs is the day's next revision, and the last one counts.
CREATE TABLE bill_day (
    id          bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT bill_day_pk PRIMARY KEY,
    org         text,
    provider    text NOT NULL,
    report      text NOT NULL CONSTRAINT bill_day_report CHECK (report IN ('usage', 'cost')),
    day         date NOT NULL,
    revision    integer NOT NULL CONSTRAINT bill_day_revision CHECK (revision > 0),
    digest      bytea NOT NULL,
    line_count  integer NOT NULL,
    source      text NOT NULL,
    imported_at timestamptz NOT NULL,
    CONSTRAINT bill_day_unique UNIQUE NULLS NOT DISTINCT (org, provider, day, report, revision)
);

COMMENT ON COLUMN bill_day.org IS 'whose bill; null: of all organisations together';
COMMENT ON COLUMN bill_day.provider IS 'as in gen_ai.provider.name';
COMMENT ON COLUMN bill_day.digest IS 'of the lines: a file that is imported twice adds nothing';
COMMENT ON COLUMN bill_day.line_count IS '0: the provider says that there was nothing';

CREATE TABLE bill_line (
    bill_day_id bigint NOT NULL,
    place       integer NOT NULL,
    model       text,
    kind        text,
    tier        text,
    quantity    numeric,
    cost        numeric,
    currency    text CONSTRAINT bill_line_currency CHECK (currency ~ '^[A-Z]{3}$'),
    CONSTRAINT bill_line_pk PRIMARY KEY (bill_day_id, place),
    CONSTRAINT bill_line_says CHECK (num_nonnulls(quantity, cost) = 1 AND (cost IS NULL) = (currency IS NULL))
);

COMMENT ON COLUMN bill_line.kind IS 'a kind of tokens, requests, or what a fee is for; null: everything together';
