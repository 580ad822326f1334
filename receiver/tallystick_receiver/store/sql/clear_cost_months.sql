-- Empty the totals of the months that begin in a window, those of users, too. $1/$2 window, $3 organisation or null.
-- Index: usage_cost_monthly_pk, usage_cost_user_monthly_key.
WITH users AS (
    DELETE FROM usage_cost_user_monthly m
    USING usage_org o
    WHERE o.org_id = m.org_id AND ($3::bigint IS NULL OR o.org_id = $3) AND m.month >= $1 AND m.month < $2
)
DELETE FROM usage_cost_monthly m
USING usage_org o
WHERE o.org_id = m.org_id AND ($3::bigint IS NULL OR o.org_id = $3) AND m.month >= $1 AND m.month < $2
