"""A collection's points get the times of the collection, and the process its own identity."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any, Final

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Metric,
    MetricsData,
    ResourceMetrics,
)
from opentelemetry.sdk.resources import Resource

from tallystick_exporter.clock import Span

INSTANCE_ID: Final = "service.instance.id"


class Identity:
    """The service.instance.id of this process: the SDK's own; a new one where the SDK has none or kept the parent's."""

    def __init__(self) -> None:
        self._ancestors: set[object] = {None}
        self._own: str | None = None
        self._seen: object = None

    def forked(self) -> None:
        """This process is a child now; what was seen so far is its parent's."""
        self._ancestors |= {self._seen, self._own}
        self._own = None

    def of(self, resource: Resource) -> Resource:
        """The resource with an instance id that no other process has."""
        self._seen = resource.attributes.get(INSTANCE_ID)
        if self._seen not in self._ancestors:
            return resource
        if self._own is None:
            self._own = str(uuid.uuid4())
        return resource.merge(Resource({INSTANCE_ID: self._own}))


def restamped(collection: MetricsData, span: Span, identity: Identity) -> MetricsData:
    """The collection with every delta and gauge over the span; cumulative points keep their start."""
    return MetricsData(
        resource_metrics=[_resource_metrics(found, span, identity) for found in collection.resource_metrics]
    )


def _resource_metrics(found: ResourceMetrics, span: Span, identity: Identity) -> ResourceMetrics:
    scopes = [
        replace(scope, metrics=[_metric(metric, span) for metric in scope.metrics]) for scope in found.scope_metrics
    ]
    return replace(found, resource=identity.of(found.resource), scope_metrics=scopes)


def _metric(metric: Metric, span: Span) -> Metric:
    data: Any = metric.data
    times: dict[str, int] = {"time_unix_nano": span.end_ns}
    if getattr(data, "aggregation_temporality", None) == AggregationTemporality.DELTA:
        times["start_time_unix_nano"] = span.start_ns
    elif isinstance(data, Gauge):
        times["start_time_unix_nano"] = 0
    points = [replace(point, **times) for point in data.data_points]
    return replace(metric, data=replace(data, data_points=points))
