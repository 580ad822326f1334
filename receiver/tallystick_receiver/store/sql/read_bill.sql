-- What counts of a provider's figures: the last revision of each report and day, summed by model, kind and tier.
-- $1 organisation or null, $2 provider, $3/$4 days, half open.
WITH last AS (
    SELECT DISTINCT ON (day, report) id, day, report
    FROM bill_day
    WHERE org IS NOT DISTINCT FROM $1 AND provider = $2 AND day >= $3 AND day < $4
    ORDER BY day, report, revision DESC
)
SELECT b.day, b.report, l.model, l.kind, l.tier, l.currency, sum(l.quantity) AS quantity, sum(l.cost) AS cost,
       count(l.bill_day_id) AS lines
FROM last b
LEFT JOIN bill_line l ON l.bill_day_id = b.id
GROUP BY 1, 2, 3, 4, 5, 6
