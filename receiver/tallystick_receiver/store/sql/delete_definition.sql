-- Forget a definition. $1 key, $2 organisation or null. Index: metric_definition_unique.
DELETE FROM metric_definition WHERE key = $1 AND org IS NOT DISTINCT FROM $2 RETURNING key
