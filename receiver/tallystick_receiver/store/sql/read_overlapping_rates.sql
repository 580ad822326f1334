-- Live rates of the same thing that hold at a time when these would. $1 orgs, $2 metrics, $3 units, $4 selectors
-- (JSON), $5/$6 valid from and to, $7 weeks. Index: rate_overlap.
SELECT DISTINCT r.id
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::text[])
         AS n (org, metric, unit, selector, valid_from, valid_to, week)
JOIN rate r ON r.org IS NOT DISTINCT FROM n.org AND r.metric = n.metric AND r.unit = n.unit
           AND r.selector = n.selector::jsonb AND r.valid && tstzrange(n.valid_from, n.valid_to)
           AND r.week_hours && n.week::int4multirange
WHERE r.voided_at IS NULL
