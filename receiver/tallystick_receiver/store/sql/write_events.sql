-- Append events; lock_events.sql comes first. $1 ids, $2 types, $3 organisations, $4 times, $5 bodies.
INSERT INTO event (id, type, org, at, body)
SELECT id, type, org, at, body
FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::text[])
     WITH ORDINALITY AS fresh (id, type, org, at, body, place)
ORDER BY place
RETURNING number
