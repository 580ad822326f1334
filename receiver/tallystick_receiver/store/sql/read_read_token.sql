-- Whose token it is, while it lives by the clock of the database and its maker may still read: its key is not revoked,
-- or there is no key at all. $1 SHA-256 of the token. Index: read_token_pk, api_key_pk.
SELECT t.key_id, t.org
FROM read_token t
LEFT JOIN api_key k USING (key_id)
WHERE t.secret = $1
    AND t.expires_at > clock_timestamp()
    AND CASE WHEN t.key_id IS NULL THEN NOT EXISTS (SELECT FROM api_key) ELSE k.revoked_at IS NULL END
