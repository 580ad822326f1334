-- Whose usage waits to be priced.
SELECT d.org_id, o.name FROM (SELECT org_id FROM cost_due LIMIT 1) AS d JOIN usage_org o USING (org_id)
