-- Where more was taken out of usage than there was: a sender whose parts do not add up, in hours that are over.
-- $1 org ids, $2/$3 hours from and to, $4 metrics. Index: cost_line_taken, usage_cost_pk, cost_line_pk.
SELECT metric, unit, count(*) AS hours, sum(quantity) AS quantity
FROM (
    SELECT l.metric, l.unit, sum(c.quantity) AS quantity
    FROM usage_cost c
    JOIN cost_line l ON l.org_id = c.org_id AND l.dims_id = c.dims_id AND l.part = c.part
    JOIN cost_tariff t ON t.tariff_id = c.tariff_id AND t.state <> 'superseded'
    WHERE c.org_id = ANY ($1::bigint[]) AND c.hour >= $2 AND c.hour < $3 AND l.metric = ANY ($4::text[])
      AND l.source <> l.metric
      AND EXISTS (SELECT FROM cost_line WHERE org_id = ANY ($1::bigint[]) AND factor = -1)
    GROUP BY c.org_id, c.hour, l.project_id, l.metric, l.unit, l.attributes
    HAVING sum(c.quantity) < 0
) AS taken
GROUP BY 1, 2
ORDER BY 1, 2
