-- All keys, revoked ones too.
SELECT key_id, secret, name, scopes, org, created_at, revoked_at FROM api_key ORDER BY created_at, key_id
