-- As void_rates.sql, of another name. $1 id, $2 when.
UPDATE rate_alias SET voided_at = $2 WHERE id = $1 AND voided_at IS NULL RETURNING id
