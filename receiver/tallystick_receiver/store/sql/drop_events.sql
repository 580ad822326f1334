-- Drop events from the first one on, as long as they are old; what is dropped is written down in the same statement.
-- $1 time before which, $2 rows at most. Index: event_pk.
WITH first AS (
    SELECT number, bool_and(at < $1) OVER (ORDER BY number) AS is_old
    FROM (SELECT number, at FROM event ORDER BY number LIMIT $2) AS e
), gone AS (
    DELETE FROM event WHERE number IN (SELECT number FROM first WHERE is_old) RETURNING number
), written AS (
    UPDATE event_retention SET dropped_until = greatest(dropped_until, (SELECT max(number) FROM gone))
    WHERE EXISTS (SELECT FROM gone)
)
SELECT count(*) FROM gone
