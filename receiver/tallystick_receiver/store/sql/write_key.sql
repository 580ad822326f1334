-- $1 id, $2 SHA-256 of the key, $3 name, $4 scopes, $5 org or null, $6 now.
INSERT INTO api_key (key_id, secret, name, scopes, org, created_at) VALUES ($1, $2, $3, $4, $5, $6)
