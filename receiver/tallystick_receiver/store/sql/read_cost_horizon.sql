-- Until when rows of cost may go: whole months before $1, all of them closed, of which nothing waits to be priced; null
-- while rates are being applied. Index: cost_month_pk.
SELECT least(date_trunc('month', $1::timestamptz, 'UTC'), (SELECT min(month) FROM cost_month WHERE closed_at IS NULL),
             (SELECT date_trunc('month', min(hour), 'UTC') FROM cost_due)) AS horizon
WHERE NOT EXISTS (SELECT FROM cost_rerate)
