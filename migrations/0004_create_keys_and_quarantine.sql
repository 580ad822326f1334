-- Who may write and read, and what was refused.
CREATE TABLE api_key (
    key_id     text CONSTRAINT api_key_pk PRIMARY KEY,
    secret     bytea NOT NULL CONSTRAINT api_key_secret_unique UNIQUE,
    name       text NOT NULL,
    scopes     text[] NOT NULL,
    org        text,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz,
    CONSTRAINT api_key_scopes CHECK (scopes <@ ARRAY['ingest', 'read', 'admin'] AND cardinality(scopes) > 0)
);

COMMENT ON COLUMN api_key.secret IS 'SHA-256 of the key: 256 random bits need no slow hash';
COMMENT ON COLUMN api_key.org IS 'null: every organisation';

CREATE TABLE quarantine (
    quarantine_id  bigint CONSTRAINT quarantine_pk PRIMARY KEY,
    first_seen     timestamptz NOT NULL,
    last_seen      timestamptz NOT NULL,
    times          bigint NOT NULL,
    reason         text NOT NULL,
    detail         text NOT NULL,
    org            text,
    credential_org text,
    encoding       text NOT NULL CONSTRAINT quarantine_encoding CHECK (encoding IN ('protobuf', 'json')),
    body           bytea NOT NULL,
    replayed_at    timestamptz
);

CREATE INDEX quarantine_last_seen ON quarantine (last_seen, quarantine_id);

COMMENT ON COLUMN quarantine.quarantine_id IS 'hash of credential and body: a resend is the same row, seen once more';
