-- Totals of whole months from their cost rows. $1/$2 window, from a month's beginning to another's, $3 organisation or
-- null. Index: usage_cost_pk, cost_line_pk.
INSERT INTO usage_cost_monthly (org_id, month, group_id, tariff_id, is_adjustment, quantity)
SELECT c.org_id, date_trunc('month', c.hour, 'UTC'), l.group_id, c.tariff_id, c.booking > 0, sum(c.quantity)
FROM usage_org o
JOIN usage_cost c ON c.org_id = o.org_id AND c.hour >= $1 AND c.hour < $2
JOIN cost_line l ON l.org_id = c.org_id AND l.dims_id = c.dims_id AND l.part = c.part
WHERE $3::bigint IS NULL OR o.org_id = $3
GROUP BY 1, 2, 3, 4, 5
HAVING sum(c.quantity) <> 0
