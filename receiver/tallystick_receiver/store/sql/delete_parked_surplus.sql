-- Forget the oldest parked deliveries of lanes that hold more than is allowed. $1 how many are kept. Index: delivery_parked.
DELETE FROM delivery
USING (
    SELECT number, row_number() OVER (PARTITION BY lane ORDER BY number DESC) AS place FROM delivery WHERE state = 'parked'
) AS ranked
WHERE delivery.number = ranked.number AND ranked.place > $1
RETURNING 1
