-- Empty the totals of the months that begin in a window. $1/$2 window, $3 organisation or null.
-- Index: usage_cost_monthly_pk.
DELETE FROM usage_cost_monthly m
USING usage_org o
WHERE o.org_id = m.org_id AND ($3::bigint IS NULL OR o.org_id = $3) AND m.month >= $1 AND m.month < $2
