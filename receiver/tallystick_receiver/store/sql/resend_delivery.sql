-- Have a delivery tried again, as if it were new. $1 number, $2 now. Index: delivery_pk.
UPDATE delivery SET state = 'waiting', since = $2, due_at = $2, finished_at = NULL WHERE number = $1
