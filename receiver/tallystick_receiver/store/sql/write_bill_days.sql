-- Add revisions of days.
-- $1 organisation or null, $2 provider, $3 report, $4 days, $5 revisions, $6 digests, $7 numbers of lines, $8 source,
-- $9 now.
INSERT INTO bill_day (org, provider, report, day, revision, digest, line_count, source, imported_at)
SELECT $1, $2, $3, day, revision, digest, line_count, $8, $9
FROM unnest($4::date[], $5::integer[], $6::bytea[], $7::integer[]) AS fresh (day, revision, digest, line_count)
ORDER BY day
RETURNING id, day
