-- One account. $1 organisation, $2 subject type, $3 subject.
SELECT id, org, subject_type, subject, currency, credits_per_unit, opened_at, created_at
FROM credit_account
WHERE org = $1 AND subject_type = $2 AND subject = $3
