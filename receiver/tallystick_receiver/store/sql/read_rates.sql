-- Rates by metric and id. What is null does not restrict.
-- $1 org (its own ones and those for all), $2 metric, $3 id, $4 valid at, $5 known at (null: those that count now),
-- $6 whether voided ones are shown, $7 selector that they must hold (JSON), $8/$9 after metric and id, $10 how many.
-- Index: rate_metric.
SELECT id, org, metric, unit, selector::text AS selector, price, per_units, currency, valid, week_hours, source_url,
       checked_on, note, recorded_at, voided_at
FROM rate
WHERE ($1::text IS NULL OR org IS NULL OR org = $1) AND ($2::text IS NULL OR metric = $2)
  AND ($3::text IS NULL OR id = $3)
  AND ($4::timestamptz IS NULL OR valid @> $4)
  AND CASE WHEN $5::timestamptz IS NULL THEN voided_at IS NULL OR $6
           ELSE recorded_at <= $5 AND (voided_at IS NULL OR voided_at > $5 OR $6) END
  AND ($7::text IS NULL OR selector @> $7::text::jsonb)
  AND ($8::text IS NULL OR (metric COLLATE "C", id COLLATE "C") > ($8, $9))
ORDER BY metric COLLATE "C", id COLLATE "C"
LIMIT $10
