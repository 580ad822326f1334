-- Whether usage of a metric was ever seen, of an organisation or of any. $1 metric, $2 organisation or null.
-- Index: usage_metric_identity, usage_dims_pk.
SELECT EXISTS (
    SELECT FROM usage_metric m
    WHERE m.key = $1
      AND ($2::bigint IS NULL OR EXISTS (
          SELECT FROM usage_dims d WHERE d.org_id = $2 AND d.metric_id = m.metric_id)))
