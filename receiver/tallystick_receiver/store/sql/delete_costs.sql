-- $1 org id, $2 month before which rows of cost go; totals of months stay. Index: usage_cost_pk.
DELETE FROM usage_cost WHERE org_id = $1 AND hour < $2
