-- Receivers learn anew whose records are samples of levels, where a definition of a metric said or says so.
-- $1 key, $2 whether the new definition says so. Index: metric_definition_unique.
UPDATE usage_keep_version SET version = version + 1
WHERE $2 OR EXISTS (
    SELECT FROM metric_definition WHERE key = $1 AND NOT is_seen AND aggregation IN ('max', 'min', 'last'))
