-- Lines of a metric, for new keys. $1 metric, $2/$3/$4 after org, dims and part, $5 how many.
SELECT org_id, dims_id, part, metric, unit, attributes::text AS attributes
FROM cost_line
WHERE metric = $1 AND ($2::bigint IS NULL OR (org_id, dims_id, part) > ($2, $3, $4))
ORDER BY org_id, dims_id, part
LIMIT $5
