-- Totals of tariffs that hold no longer, and those of users that came to nothing. $1 org id, $2 month.
-- Index: usage_cost_monthly_pk, usage_cost_user_monthly_key.
WITH users AS (
    DELETE FROM usage_cost_user_monthly
    WHERE org_id = $1 AND month = $2 AND quantity = 0 AND coalesce(cost, 0) = 0 AND coalesce(list_cost, 0) = 0
      AND coalesce(billed_cost, 0) = 0
)
DELETE FROM usage_cost_monthly WHERE org_id = $1 AND month = $2 AND quantity = 0
