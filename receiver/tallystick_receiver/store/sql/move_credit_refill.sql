-- What is booked of a schedule, and when it goes on. $1 id, $2 next number, $3 next at or null.
UPDATE credit_refill SET next_number = $2, next_at = $3 WHERE id = $1
