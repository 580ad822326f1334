-- Add the lines of revisions that were added in this transaction.
-- $1 ids of their days, $2 places, $3 models, $4 kinds, $5 tiers, $6 quantities, $7 costs, $8 currencies.
INSERT INTO bill_line (bill_day_id, place, model, kind, tier, quantity, cost, currency)
SELECT *
FROM unnest($1::bigint[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::numeric[], $7::numeric[], $8::text[])
