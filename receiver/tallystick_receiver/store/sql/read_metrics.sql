-- Every metric that was ever seen.
SELECT metric_id, key, unit, kind FROM usage_metric ORDER BY key, unit, kind
