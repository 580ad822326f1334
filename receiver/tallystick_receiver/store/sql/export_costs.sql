-- Every row of cost, in the order of organisations and hours, with what its line and its tariff say.
-- $1 org ids, $2/$3 hours from and to, $4 metrics, $5 project id or null, $6 filters (JSON: key -> values).
-- Index: usage_cost_pk, cost_line_pk, cost_tariff_pk.
SELECT o.name AS org, p.name AS project, c.hour, c.booked_at, c.quantity, c.cost, c.quantity * t.list_price AS list_cost,
       c.quantity * t.billed_price AS billed_cost, l.metric, l.unit, l.attributes::text AS attributes, l.source, l.grade,
       t.state, t.rate_id, t.modifier_ids, t.currency, t.list_price, t.price, t.resolved::text AS resolved, t.notes
FROM usage_cost c
JOIN cost_line l ON l.org_id = c.org_id AND l.dims_id = c.dims_id AND l.part = c.part
JOIN cost_tariff t ON t.tariff_id = c.tariff_id
JOIN usage_org o ON o.org_id = c.org_id
LEFT JOIN usage_project p ON p.org_id = c.org_id AND p.project_id = l.project_id
WHERE c.org_id = ANY ($1::bigint[]) AND c.hour >= $2 AND c.hour < $3 AND t.state <> 'superseded'
  AND l.metric = ANY ($4::text[]) AND ($5::bigint IS NULL OR l.project_id = $5)
  AND ($6::text = '{}' OR NOT EXISTS (
      SELECT FROM jsonb_each($6::text::jsonb) AS f (key, allowed)
      WHERE NOT coalesce(f.allowed ? (l.attributes ->> f.key), false)))
ORDER BY c.org_id, c.hour, c.dims_id, c.part, c.booking
