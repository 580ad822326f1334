-- What is found to be wrong counts no longer, and stays to be asked for. $1 ids, $2 when.
UPDATE rate SET voided_at = $2 WHERE id = ANY ($1::text[]) AND voided_at IS NULL RETURNING id
