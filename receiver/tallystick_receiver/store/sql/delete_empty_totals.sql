-- Totals of tariffs that hold no longer. $1 org id, $2 month. Index: usage_cost_monthly_pk.
DELETE FROM usage_cost_monthly WHERE org_id = $1 AND month = $2 AND quantity = 0
