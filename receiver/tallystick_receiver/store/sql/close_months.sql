-- Freeze months of which nothing is due: rates as known at $3 count for them from now on. $1 months, $2 when.
UPDATE cost_month c SET closed_at = $2, known_at = $3
WHERE c.month = ANY ($1::timestamptz[]) AND c.closed_at IS NULL
  AND NOT EXISTS (SELECT FROM cost_rerate)
  AND NOT EXISTS (SELECT FROM cost_due d WHERE d.hour >= c.month AND d.hour < c.month + interval '1 month')
  AND NOT EXISTS (SELECT FROM usage_delta d WHERE d.quarter >= c.month AND d.quarter < c.month + interval '1 month')
RETURNING c.month
