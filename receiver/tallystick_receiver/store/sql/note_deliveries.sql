-- What attempts made of their deliveries. What another attempt was begun for since then is left alone, and what was
-- parked meanwhile stays parked unless it arrived.
-- $1 numbers, $2 attempts, $3 states, $4 when due again, $5 errors, $6 now. Index: delivery_pk.
UPDATE delivery
SET state = CASE WHEN fresh.state = 'waiting' THEN delivery.state ELSE fresh.state END,
    due_at = fresh.due_at, error = fresh.error,
    finished_at = CASE WHEN fresh.state = 'waiting' THEN delivery.finished_at ELSE $6 END
FROM unnest($1::bigint[], $2::integer[], $3::text[], $4::timestamptz[], $5::text[])
     AS fresh (number, attempts, state, due_at, error)
WHERE delivery.number = fresh.number AND delivery.attempts = fresh.attempts AND delivery.state <> 'delivered'
RETURNING delivery.state
