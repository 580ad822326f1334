"""Which temporality each instrument is exported with: deltas wherever OpenTelemetry has them."""

from __future__ import annotations

from opentelemetry.sdk.metrics import Counter, Histogram, ObservableCounter
from opentelemetry.sdk.metrics.export import AggregationTemporality


def delta_temporality() -> dict[type, AggregationTemporality]:
    """The OTel preference "delta": UpDownCounters stay cumulative, since they are levels."""
    return dict.fromkeys((Counter, ObservableCounter, Histogram), AggregationTemporality.DELTA)
