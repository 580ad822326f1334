-- Keep an endpoint, new or changed. $1 id, $2 kind, $3 organisation or null, $4 URL, $5 types or null, $6 description,
-- $7 enabled, $8 why not, $9 secret, $10 the one before, $11 until when that signs, $12 created, $13 updated.
INSERT INTO webhook (id, kind, org, url, types, description, is_enabled, disabled_because, secret, old_secret,
                     old_secret_until, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
ON CONFLICT (id) DO UPDATE
SET url = excluded.url, types = excluded.types, description = excluded.description, is_enabled = excluded.is_enabled,
    disabled_because = excluded.disabled_because, secret = excluded.secret, old_secret = excluded.old_secret,
    old_secret_until = excluded.old_secret_until, updated_at = excluded.updated_at
