-- Schedules by id.
-- $1 organisation or null, $2 subject type or null, $3 subject or null, $4 id or null, $5 id after which or null,
-- $6 rows at most.
SELECT r.id, r.amount, r.every, r.unit, r.zone, r.starts_at, r.ends_at, r.note, r.next_number, r.next_at, r.created_at,
       a.org, a.subject_type, a.subject
FROM credit_refill r
JOIN credit_account a ON a.id = r.account_id
WHERE ($1::text IS NULL OR a.org = $1) AND ($2::text IS NULL OR a.subject_type = $2)
  AND ($3::text IS NULL OR a.subject = $3) AND ($4::text IS NULL OR r.id = $4)
  AND ($5::text IS NULL OR r.id > $5)
ORDER BY r.id
LIMIT $6
