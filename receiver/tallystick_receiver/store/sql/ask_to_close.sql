-- Ask that a month be closed. $1 month, $2 when.
UPDATE cost_month SET asked_at = $2 WHERE month = $1 AND asked_at IS NULL
