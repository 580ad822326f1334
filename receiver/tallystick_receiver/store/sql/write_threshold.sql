-- Keep a threshold, new or changed. $1 id, $2 organisation, $3 its id, $4 metric, $5 subject type, $6 subject,
-- $7 amount, $8 reset or null, $9 time zone, $10 levels, $11 action, $12 emails, $13 slack, $14 created, $15 updated.
INSERT INTO threshold (id, org, org_id, metric, subject_type, subject, amount, reset, zone, levels, action, emails,
                       slack, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
ON CONFLICT (id) DO UPDATE
SET metric = excluded.metric, subject_type = excluded.subject_type, subject = excluded.subject,
    amount = excluded.amount, reset = excluded.reset, zone = excluded.zone, levels = excluded.levels,
    action = excluded.action, emails = excluded.emails, slack = excluded.slack, updated_at = excluded.updated_at
