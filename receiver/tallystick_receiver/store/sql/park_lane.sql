-- Park what waits for an endpoint. $1 lane, $2 why, $3 now. Index: delivery_due.
UPDATE delivery SET state = 'parked', error = $2, finished_at = $3
WHERE kind IN ('webhook', 'slack') AND lane = $1 AND state = 'waiting'
