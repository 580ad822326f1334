-- Metrics that came with usage and that nobody defined. A key in several units or kinds has its first one here.
-- Index: metric_definition_unique.
SELECT DISTINCT ON (m.key) m.key, m.unit, m.kind
FROM usage_metric m
WHERE m.kind <> 'operations'
  AND NOT EXISTS (SELECT FROM metric_definition d WHERE d.key = m.key AND d.org IS NULL)
ORDER BY m.key, m.unit, m.kind DESC
