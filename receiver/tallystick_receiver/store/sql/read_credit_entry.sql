-- What is booked under a key. $1 account id, $2 key.
SELECT number, kind, amount, idempotency_key, at, note, recorded_at
FROM credit_entry
WHERE account_id = $1 AND idempotency_key = $2
