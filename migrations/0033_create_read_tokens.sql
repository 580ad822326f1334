-- Read tokens: what a product's pages present instead of a key, each for one organisation and for minutes.
CREATE TABLE read_token (
    secret     bytea CONSTRAINT read_token_pk PRIMARY KEY,
    key_id     text CONSTRAINT read_token_key REFERENCES api_key (key_id),
    org        text NOT NULL,
    expires_at timestamptz NOT NULL
);

CREATE INDEX read_token_expiry ON read_token (expires_at);
CREATE INDEX read_token_of_key ON read_token (key_id, expires_at);

COMMENT ON COLUMN read_token.secret IS 'SHA-256 of the token: 256 random bits need no slow hash';
COMMENT ON COLUMN read_token.key_id IS 'whose token it is; null: made while no key was defined, and void once one is';
COMMENT ON COLUMN read_token.expires_at IS 'by the clock of the database, which alone decides';
