-- Forget the deliveries of an endpoint; rare, and without an index for what was delivered. $1 lane.
DELETE FROM delivery WHERE lane = $1
