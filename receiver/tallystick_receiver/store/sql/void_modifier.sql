-- As void_rates.sql, of a factor. $1 id, $2 when.
UPDATE rate_modifier SET voided_at = $2 WHERE id = $1 AND voided_at IS NULL RETURNING id
