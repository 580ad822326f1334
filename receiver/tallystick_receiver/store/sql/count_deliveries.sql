-- How many deliveries wait and how many are parked. Index: delivery_due, delivery_parked.
SELECT (SELECT count(*) FROM delivery WHERE state = 'waiting') AS waiting,
       (SELECT count(*) FROM delivery WHERE state = 'parked') AS parked
