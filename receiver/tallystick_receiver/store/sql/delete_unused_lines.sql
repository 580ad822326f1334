-- Lines without a row of cost and without usage that could get one: should they be used again, they are made again.
-- $1 org id. Index: cost_line_pk, usage_cost_pk, usage_quarter_hourly_pk.
DELETE FROM cost_line l
WHERE l.org_id = $1
  AND NOT EXISTS (SELECT FROM usage_cost c WHERE c.org_id = $1 AND c.dims_id = l.dims_id AND c.part = l.part)
  AND NOT EXISTS (SELECT FROM usage_quarter_hourly u WHERE u.org_id = $1 AND u.dims_id = l.dims_id)
