-- Ask for events of usage no longer. $1 id. Index: event_subscription_pk.
DELETE FROM event_subscription WHERE id = $1
