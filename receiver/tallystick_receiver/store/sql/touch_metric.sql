-- Have the thresholds on a metric evaluated. $1 metric, $2 quarter of an hour. Index: threshold_metric.
INSERT INTO usage_touched (org_id, quarter)
SELECT DISTINCT org_id, $2::timestamptz FROM threshold WHERE $1::text IS NULL OR metric = $1
