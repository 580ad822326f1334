-- What was imported, the last import first.
-- $1 organisation or null (of all together), $2 whether any organisation's, $3 provider or null,
-- $4 id before which or null, $5 rows at most.
SELECT id, org, provider, report, day, revision, line_count, source, imported_at
FROM bill_day
WHERE ($2 OR org IS NOT DISTINCT FROM $1) AND ($3::text IS NULL OR provider = $3) AND ($4::bigint IS NULL OR id < $4)
ORDER BY id DESC
LIMIT $5
