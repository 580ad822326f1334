-- Open an account, unless there is one.
-- $1 organisation, $2 its id, $3 subject type, $4 subject, $5 currency, $6 credits per unit, $7 opened at, $8 now.
INSERT INTO credit_account (org, org_id, subject_type, subject, currency, credits_per_unit, opened_at, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT ON CONSTRAINT credit_account_unique DO NOTHING
RETURNING id
