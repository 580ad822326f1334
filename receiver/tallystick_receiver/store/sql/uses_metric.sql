-- Whether thresholds use a metric's definition. $1 metric, $2 organisation or null for the definition for all, which
-- those do not use that have their own one. Index: threshold_metric, metric_definition_unique.
SELECT EXISTS (
    SELECT FROM threshold t
    WHERE t.metric = $1
      AND CASE WHEN $2::text IS NOT NULL THEN t.org = $2
               ELSE NOT EXISTS (SELECT FROM metric_definition d WHERE d.key = t.metric AND d.org = t.org) END)
