-- Forget the deliveries of an endpoint. $1 lane. Index: delivery_due, delivery_parked.
DELETE FROM delivery WHERE lane = $1
