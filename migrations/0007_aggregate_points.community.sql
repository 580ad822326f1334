-- TimescaleDB's community edition: columnstore for old chunks, and continuous aggregates as a second opinion on the
-- rollups. Their policies depend on settings; the receiver keeps them (store/policies.py).
ALTER TABLE usage_point SET (
    timescaledb.enable_columnstore = true,
    timescaledb.segmentby = 'org_id',
    timescaledb.orderby = 'series_id, writer_id, ts, end_rest'
);

CREATE MATERIALIZED VIEW usage_hourly_aggregate
WITH (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false) AS
SELECT p.org_id, d.project_id, d.metric_id, time_bucket(INTERVAL '1 hour', p.ts) AS hour,
       coalesce(sum(p.mantissa) FILTER (WHERE p.exponent = 0), 0)
           + coalesce(sum(usage_quantity(p.mantissa, p.exponent)) FILTER (WHERE p.exponent <> 0), 0) AS quantity,
       count(*) AS points
FROM usage_point p
JOIN usage_series s ON s.org_id = p.org_id AND s.series_id = p.series_id
JOIN usage_dims d ON d.org_id = s.org_id AND d.dims_id = s.dims_id
GROUP BY p.org_id, d.project_id, d.metric_id, hour
WITH NO DATA;

CREATE MATERIALIZED VIEW usage_daily_aggregate
WITH (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false) AS
SELECT org_id, project_id, metric_id, time_bucket(INTERVAL '1 day', hour) AS day,
       sum(quantity) AS quantity, sum(points) AS points
FROM usage_hourly_aggregate
GROUP BY org_id, project_id, metric_id, day
WITH NO DATA;

-- Points that were dropped before this are in no aggregate.
INSERT INTO usage_retention (relation, dropped_before)
SELECT a.relation, r.dropped_before
FROM usage_retention r, (VALUES ('usage_hourly_aggregate'), ('usage_daily_aggregate')) AS a (relation)
WHERE r.relation = 'usage_point';
