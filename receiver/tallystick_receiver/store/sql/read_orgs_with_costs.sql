-- The organisations that have rows of cost which may go, each with the month until which they may: what a balance is
-- reckoned from stays. $1 month. Index: usage_cost_pk, credit_account_unique.
SELECT o.org_id, h.horizon
FROM usage_org o, LATERAL (
    SELECT least($1::timestamptz, date_trunc('month', min(a.opened_at), 'UTC')) AS horizon
    FROM credit_account a
    WHERE a.org = o.name
) AS h
WHERE EXISTS (SELECT FROM usage_cost c WHERE c.org_id = o.org_id AND c.hour < h.horizon)
