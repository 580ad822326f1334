-- Whether there are records of some metrics. $1 metric ids.
-- Index: usage_series_recorded, usage_dims_pk.
SELECT EXISTS (
    SELECT FROM usage_series s
    JOIN usage_dims d USING (org_id, dims_id)
    WHERE s.scope = 'tallystick.records' AND d.metric_id = ANY ($1::bigint[]))
