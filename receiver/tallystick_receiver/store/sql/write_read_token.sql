-- $1 SHA-256 of the token, $2 key id or null, $3 org, $4 lifetime in seconds, $5 how many tokens of the key may live.
-- No row where as many do already. The clock is the database's: receivers may differ. Index: read_token_of_key.
INSERT INTO read_token (secret, key_id, org, expires_at)
SELECT $1, $2, $3, clock_timestamp() + make_interval(secs => $4)
WHERE (
    SELECT count(*) FROM (
        SELECT FROM read_token
        WHERE (key_id = $2 OR ($2 IS NULL AND key_id IS NULL)) AND expires_at > clock_timestamp() LIMIT $5
    ) AS living
) < $5
RETURNING expires_at
