-- Endpoints by id. $1 organisation or null for all, $2 id or null, $3 id after which or null, $4 rows at most.
-- Index: webhook_pk, webhook_org.
SELECT id, kind, org, url, types, description, is_enabled, disabled_because, secret, old_secret, old_secret_until,
       created_at, updated_at
FROM webhook
WHERE ($1::text IS NULL OR org = $1) AND ($2::text IS NULL OR id = $2) AND ($3::text IS NULL OR id > $3)
ORDER BY id
LIMIT $4
