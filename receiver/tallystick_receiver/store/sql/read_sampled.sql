-- Metrics of which somebody's definition says how much there is: whose records are samples, and whose are not.
-- Index: metric_definition_unique.
SELECT key, org, aggregation IN ('max', 'min', 'last') AS is_sampled
FROM metric_definition
WHERE NOT is_seen
  AND key IN (SELECT key FROM metric_definition WHERE NOT is_seen AND aggregation IN ('max', 'min', 'last'))
