-- Forget an endpoint. $1 id. Index: webhook_pk.
DELETE FROM webhook WHERE id = $1
