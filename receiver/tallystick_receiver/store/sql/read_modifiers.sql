-- Factors on rates by id. $1 org (its own ones and those for all), $2 id, $3 valid at, $4 known at (null: now),
-- $5 whether voided ones are shown, $6 after id, $7 how many.
SELECT id, org, layer, metric, selector::text AS selector, factor, valid, source_url, checked_on, note, recorded_at,
       voided_at
FROM rate_modifier
WHERE ($1::text IS NULL OR org IS NULL OR org = $1) AND ($2::text IS NULL OR id = $2)
  AND ($3::timestamptz IS NULL OR valid @> $3)
  AND CASE WHEN $4::timestamptz IS NULL THEN voided_at IS NULL OR $5
           ELSE recorded_at <= $4 AND (voided_at IS NULL OR voided_at > $4 OR $5) END
  AND ($6::text IS NULL OR id COLLATE "C" > $6)
ORDER BY id COLLATE "C"
LIMIT $7
