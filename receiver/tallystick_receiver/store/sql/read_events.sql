-- Events after a cursor, in the order of commits.
-- $1 number after which, $2 types or null, $3 organisation or null, $4 rows at most. Index: event_pk, event_org.
SELECT number, id, type, org, at, body
FROM event
WHERE number > $1 AND ($2::text[] IS NULL OR type = ANY ($2)) AND ($3::text IS NULL OR org = $3 OR org IS NULL)
ORDER BY number
LIMIT $4
