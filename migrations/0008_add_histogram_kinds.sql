-- A histogram is two metrics: its sum, and its count (receiver/README.md).
ALTER TABLE usage_metric
    DROP CONSTRAINT usage_metric_kind,
    ADD CONSTRAINT usage_metric_kind CHECK (kind IN ('sum', 'level', 'histogram', 'operations'));
