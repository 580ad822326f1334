-- What some subjects cost, by currency. Parameters up to $18 as of read_costs; $19 subjects, each as the JSON text
-- of organisation, project and dimensions. Index: as of read_costs.
WITH cost_row AS MATERIALIZED (
/* read_costs */
)
SELECT currency, org, project, dimensions, sum(cost) AS cost
FROM cost_row
WHERE currency IS NOT NULL AND NOT is_overflow
  AND json_build_array(org, project, to_json(dimensions))::jsonb::text = ANY ($19::text[])
GROUP BY 1, 2, 3, 4
