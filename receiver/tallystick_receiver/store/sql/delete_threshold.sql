-- Forget a threshold. $1 id. Index: threshold_pk.
DELETE FROM threshold WHERE id = $1 RETURNING id
