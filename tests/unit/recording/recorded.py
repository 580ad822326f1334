"""A provider with a delta reader, and what it collected as plain values."""

from collections import defaultdict
from decimal import Context, Decimal

from opentelemetry.sdk.metrics import Counter, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader, Sum
from opentelemetry.sdk.version import __version__ as sdk_version

EXACT = Context(prec=1000)

TELLS_TRUE_FROM_ONE = tuple(map(int, sdk_version.split(".")[:2])) >= (1, 45)
"""Older SDKs add up the streams of attribute values that Python finds equal."""


class Collected:
    """One MeterProvider and its readers, as an application would have them; `reader` is the one that is asked."""

    def __init__(self, readers=1):
        self.readers = [InMemoryMetricReader({Counter: AggregationTemporality.DELTA}) for _ in range(readers)]
        self.reader = self.readers[0]
        self.provider = MeterProvider(self.readers, shutdown_on_exit=False)

    def metrics(self):
        data = self.reader.get_metrics_data()
        if data is None:
            return []
        return [
            metric for resource in data.resource_metrics for scope in resource.scope_metrics for metric in scope.metrics
        ]

    def points(self):
        """(type, attributes, value) of every point of one collection."""
        return [
            (metric.name, dict(point.attributes), point.value)
            for metric in self.metrics()
            for point in metric.data.data_points
        ]

    def values(self):
        return [value for _, _, value in self.points()]

    def until_empty(self, collections_max=60):
        """The exact sum of each (type, attributes) over collections until nothing leaves."""
        sums = defaultdict(Decimal)
        for _ in range(collections_max):
            metrics = self.metrics()
            if not metrics:
                return dict(sums)
            for metric in metrics:
                assert isinstance(metric.data, Sum)
                for point in metric.data.data_points:
                    assert point.value <= 2**63 - 1
                    key = (
                        metric.name,
                        metric.unit,
                        frozenset((name, type(value), value) for name, value in point.attributes.items()),
                    )
                    sums[key] = EXACT.add(sums[key], Decimal(repr(point.value)))
        raise AssertionError(f"still not empty after {collections_max} collections")
