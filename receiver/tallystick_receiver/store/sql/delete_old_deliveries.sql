-- Forget deliveries that ended long ago. $1 before when, $2 rows at most. Index: delivery_finished.
DELETE FROM delivery
WHERE number IN (
    SELECT number FROM delivery WHERE state <> 'waiting' AND finished_at < $1 ORDER BY finished_at LIMIT $2
)
RETURNING 1
