-- Park the oldest deliveries of lanes in which more wait than is allowed. $1 how many may wait, $2 why, $3 now.
-- Index: delivery_due.
UPDATE delivery SET state = 'parked', error = $2, finished_at = $3
FROM (
    SELECT number, row_number() OVER (PARTITION BY lane ORDER BY number DESC) AS place FROM delivery WHERE state = 'waiting'
) AS ranked
WHERE delivery.number = ranked.number AND ranked.place > $1 AND delivery.state = 'waiting'
RETURNING 1
