-- Credits: who has an account since when, what was granted, and what is granted again and again. What was spent is not
-- here: it is what usage of the account's owner costs, so that another rate shows in the balance at once.
CREATE TABLE credit_account (
    id               bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT credit_account_pk PRIMARY KEY,
    org              text NOT NULL,
    org_id           bigint NOT NULL,
    subject_type     text NOT NULL CONSTRAINT credit_account_subject_type CHECK (subject_type <> ''),
    subject          text NOT NULL CONSTRAINT credit_account_subject CHECK (subject <> ''),
    currency         text NOT NULL CONSTRAINT credit_account_currency CHECK (currency ~ '^[A-Z]{3}$'),
    credits_per_unit numeric NOT NULL CONSTRAINT credit_account_credits
                     CHECK (credits_per_unit > 0 AND credits_per_unit < 'Infinity'),
    opened_at        timestamptz NOT NULL CONSTRAINT credit_account_opened
                     CHECK (extract(epoch FROM opened_at) % 3600 = 0),
    created_at       timestamptz NOT NULL,
    CONSTRAINT credit_account_unique UNIQUE (org, subject_type, subject)
);

COMMENT ON COLUMN credit_account.credits_per_unit IS 'credits for one unit of the currency; LibreChat: 1000000 for a dollar';
COMMENT ON COLUMN credit_account.opened_at IS 'a full hour, since cost is by hour: what usage costs from then on is spent';

CREATE TABLE credit_refill (
    id          text NOT NULL CONSTRAINT credit_refill_pk PRIMARY KEY,
    account_id  bigint NOT NULL CONSTRAINT credit_refill_account REFERENCES credit_account,
    amount      numeric NOT NULL CONSTRAINT credit_refill_amount CHECK (amount > 0 AND amount < 'Infinity'),
    every       integer NOT NULL CONSTRAINT credit_refill_every CHECK (every > 0),
    unit        text NOT NULL CONSTRAINT credit_refill_unit CHECK (unit IN ('hour', 'day', 'week', 'month')),
    zone        text NOT NULL,
    starts_at   timestamptz NOT NULL,
    ends_at     timestamptz,
    note        text NOT NULL,
    next_number integer NOT NULL DEFAULT 0,
    next_at     timestamptz,
    created_at  timestamptz NOT NULL
);

CREATE INDEX credit_refill_next ON credit_refill (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX credit_refill_of_account ON credit_refill (account_id);

COMMENT ON COLUMN credit_refill.next_number IS 'how many refills are booked';
COMMENT ON COLUMN credit_refill.next_at IS 'when the next one is due; null: none any more';

CREATE TABLE credit_entry (
    number          bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT credit_entry_pk PRIMARY KEY,
    account_id      bigint NOT NULL CONSTRAINT credit_entry_account REFERENCES credit_account,
    kind            text NOT NULL CONSTRAINT credit_entry_kind CHECK (kind IN ('grant', 'refill', 'adjust')),
    amount          numeric NOT NULL CONSTRAINT credit_entry_amount
                    CHECK (amount <> 0 AND amount > '-Infinity' AND amount < 'Infinity'
                           AND (amount > 0 OR kind = 'adjust')),
    idempotency_key text NOT NULL,
    at              timestamptz NOT NULL,
    note            text NOT NULL,
    recorded_at     timestamptz NOT NULL,
    CONSTRAINT credit_entry_unique UNIQUE (account_id, idempotency_key)
);

COMMENT ON COLUMN credit_entry.idempotency_key IS 'an entry is booked once under it; refills have refill:<id>:<number>';
COMMENT ON COLUMN credit_entry.at IS 'when it counts from; never what sums depend on';

-- Whoever is wrong books the difference.
CREATE FUNCTION credit_entry_stays() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'credit_entry is append-only' USING ERRCODE = 'restrict_violation'; END $$;

CREATE TRIGGER credit_entry_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON credit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION credit_entry_stays();
