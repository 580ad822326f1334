-- What is said of a subject's usage of a metric, in one round trip: the definition that counts (the organisation's own
-- one, else the one for all; no row where there is none), limits (thresholds that ask for something), stored metrics
-- (as in read_metrics.sql), and until when usage was dropped (as in read_retention.sql, with its lock).
-- $1 organisation, $2 org id, $3 metric, $4 subject type, $5 subject.
-- Index: metric_definition_unique, threshold_org; usage_metric is scanned.
SELECT key, org, name, description, unit, aggregation, reset, unique_dimension AS "unique", dimensions,
       dimensions_from, is_seen, created_at, updated_at,
       ARRAY(SELECT ROW (t.id, t.amount, t.reset, t.zone, t.action)
             FROM threshold t
             WHERE t.org_id = $2 AND t.metric = $3 AND t.subject_type = $4 AND t.subject = $5
               AND t.action <> 'none') AS limits,
       ARRAY(SELECT ROW (m.metric_id, m.key, m.unit, m.kind) FROM usage_metric m WHERE m.key = $3) AS metrics,
       ARRAY(SELECT ROW (r.relation, r.dropped_before) FROM usage_retention r) AS dropped
FROM metric_definition
WHERE key = $3 AND (org IS NULL OR org = $1)
ORDER BY org NULLS LAST
LIMIT 1
