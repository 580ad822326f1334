-- Send an endpoint nothing more. $1 id, $2 why, $3 now. Index: webhook_pk.
UPDATE webhook SET is_enabled = false, disabled_because = $2, updated_at = $3 WHERE id = $1 AND is_enabled
