-- The last revision of days of a report. $1 organisation or null, $2 provider, $3 report, $4 days.
SELECT DISTINCT ON (day) day, revision, digest
FROM bill_day
WHERE org IS NOT DISTINCT FROM $1 AND provider = $2 AND report = $3 AND day = ANY ($4::date[])
ORDER BY day, revision DESC
