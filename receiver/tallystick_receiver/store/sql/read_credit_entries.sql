-- Entries in the order of booking, the last first.
-- $1 organisation or null, $2 subject type or null, $3 subject or null, $4 kind or null,
-- $5 number before which or null, $6 rows at most.
SELECT e.number, e.kind, e.amount, e.idempotency_key, e.at, e.note, e.recorded_at, a.org, a.subject_type, a.subject
FROM credit_entry e
JOIN credit_account a ON a.id = e.account_id
WHERE ($1::text IS NULL OR a.org = $1) AND ($2::text IS NULL OR a.subject_type = $2)
  AND ($3::text IS NULL OR a.subject = $3) AND ($4::text IS NULL OR e.kind = $4)
  AND ($5::bigint IS NULL OR e.number < $5)
ORDER BY e.number DESC
LIMIT $6
