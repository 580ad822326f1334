"""The receiver's own figures, as OpenTelemetry sees them."""

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from tallystick_receiver.telemetry import Telemetry


@pytest.fixture
def reader():
    return InMemoryMetricReader()


@pytest.fixture
def telemetry(reader):
    provider = MeterProvider(metric_readers=[reader])
    yield Telemetry(provider)
    provider.shutdown()


def collected(reader):
    data = reader.get_metrics_data()
    return {
        (metric.name, tuple(point.attributes.values())): point.value
        for resource in data.resource_metrics for scope in resource.scope_metrics for metric in scope.metrics
        for point in metric.data.data_points
    }  # fmt: skip


def test_counts_and_the_audit_s_differences_are_opentelemetry_metrics(telemetry, reader):
    telemetry.add("points.accepted", 7)
    telemetry.add("points.refused", 2, label="too_old")
    telemetry.set("audit.differences", 3)
    assert collected(reader) == {
        ("tallystick.receiver.points.accepted", ()): 7,
        ("tallystick.receiver.points.refused", ("too_old",)): 2,
        ("tallystick.receiver.audit.differences", ()): 3,
    }
    telemetry.set("audit.differences", 0)
    assert collected(reader)["tallystick.receiver.audit.differences", ()] == 0
    assert telemetry.counts() == {"audit.differences": 0, "points.accepted": 7, "points.refused{too_old}": 2}


def test_a_name_that_no_table_knows_is_an_error(telemetry):
    with pytest.raises(KeyError):
        telemetry.add("points.unknown")
    with pytest.raises(KeyError):
        telemetry.set("points.accepted", 1)
