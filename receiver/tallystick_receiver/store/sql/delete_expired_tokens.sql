-- Some tokens that have expired: more than one mint adds. Receivers do not wait for each other. Index: read_token_expiry.
DELETE FROM read_token WHERE secret IN (
    SELECT secret FROM read_token WHERE expires_at <= clock_timestamp()
    ORDER BY expires_at LIMIT 100 FOR UPDATE SKIP LOCKED
)
