-- Hours that have costs are due, and amounts are quantity times price again, in closed months, too: that is what an
-- amount is. $1/$2 window in UTC days, $3 organisation or null. Index: usage_cost_pk, cost_tariff_pk.
WITH due AS (
    INSERT INTO cost_due (org_id, hour)
    SELECT DISTINCT c.org_id, c.hour
    FROM usage_org o
    JOIN usage_cost c ON c.org_id = o.org_id AND c.hour >= $1 AND c.hour < $2
    WHERE $3::bigint IS NULL OR o.org_id = $3
)
UPDATE usage_cost c SET cost = c.quantity * t.price
FROM cost_tariff t, usage_org o
WHERE t.tariff_id = c.tariff_id AND o.org_id = c.org_id AND ($3::bigint IS NULL OR o.org_id = $3)
  AND c.hour >= $1 AND c.hour < $2 AND c.cost IS DISTINCT FROM c.quantity * t.price
