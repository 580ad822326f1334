"""Levels of a stock SDK over time, from the outside: byte-seconds digit for digit, the average, what is covered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import jsonschema
import pytest
from conftest import run_cli
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from otlp import SECOND, export, export_request, get, now_ns, usage

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
VALUES = (5_368_709_120, 7, 2**40 + 1, 0, 12)


class Remembering(OTLPMetricExporter):
    """The stock exporter; it remembers when the SDK took which sample."""

    def __init__(self, **options):
        super().__init__(**options)
        self.samples = {}

    def export(self, metrics_data, **options):
        for resource_metrics in metrics_data.resource_metrics:
            for scope_metrics in resource_metrics.scope_metrics:
                for metric in scope_metrics.metrics:
                    for point in metric.data.data_points:
                        self.samples.setdefault(metric.name, []).append((point.time_unix_nano, point.value))
        return super().export(metrics_data, **options)


@pytest.fixture
def samples(receiver):
    """Five collections of a gauge and an UpDownCounter of the stock SDK, each sent by itself."""
    exporter = Remembering(endpoint=receiver.url + "/v1/metrics")
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
    provider = MeterProvider([reader], resource=Resource.create({"service.name": "store"}))
    meter = provider.get_meter("store")
    gauge, queue = meter.create_gauge("disk.used", "By"), meter.create_up_down_counter("queue.length", "{job}")
    before = 0
    for value in VALUES:
        gauge.set(value, {"org.id": "acme"})
        queue.add(value - before, {"org.id": "acme"})
        before = value
        provider.force_flush()
    provider.shutdown()
    return exporter.samples


def micro(ns):
    return (EPOCH + timedelta(microseconds=ns // 1000)).isoformat()


@pytest.mark.parametrize(("metric", "unit"), [("disk.used", "By"), ("queue.length", "{job}")])
def test_what_a_stock_sdk_sampled_is_integrated_to_the_last_nanosecond(receiver, samples, metric, unit):
    taken = samples[metric][: len(VALUES)]
    assert tuple(value for _, value in taken) == VALUES
    start, end = taken[0][0] // 1000 * 1000 - SECOND, taken[-1][0] // 1000 * 1000
    times = [ns for ns, _ in taken[:-1]] + [end]
    integral = sum(value * (after - ns) for (ns, value), after in zip(taken, times[1:], strict=False))
    [row] = usage(receiver.url, orgId="acme", type=metric, from_=micro(start), to=micro(end))["rows"]
    level = row["level"]
    assert Decimal(level["integral"]) == Decimal(integral).scaleb(-9)
    assert Decimal(level["coveredSeconds"]) == Decimal(end - taken[0][0]).scaleb(-9)
    assert level["integralUnit"] == f"{unit}.s"
    assert Decimal(level["average"]) == round(Decimal(integral) / (end - taken[0][0]), 9)
    assert (level["min"], level["max"]) == ("0", str(max(VALUES)))


def test_the_answer_is_what_openapi_says(receiver, samples):
    description = get(receiver.url + "/openapi.json").json
    schema = {"$ref": "#/components/schemas/Usage", "components": description["components"]}
    for query in ({}, {"groupBy": "hour,type"}, {"groupBy": "service.name", "orgId": "nobody"}):
        answer = usage(receiver.url, **query)
        jsonschema.validate(answer, schema)
        levels = description["components"]["schemas"]["Figures"]["properties"]["level"]
        for row in answer["rows"] + answer["totals"]:
            assert set(row["level"]) == set(levels["properties"]) == set(levels["required"])


def test_how_long_a_sample_holds_is_a_setting_and_past_answers_follow_it(start_receiver, database_url):
    end = now_ns() // (900 * SECOND) * 900 * SECOND - 5 * 3600 * SECOND
    point = {"name": "disk", "kind": "gauge", "unit": "By", "value": 1024, "end": end, "attributes": {"org.id": "acme"}}
    for seconds in (3600, 900, 14_400):
        receiver = start_receiver("--level-hold-seconds", str(seconds), "--roll-seconds", "0.05")
        export(receiver.url, export_request([point]))
        level = usage(receiver.url, from_=micro(end - SECOND), to=micro(now_ns() + 3600 * SECOND))["rows"][0]["level"]
        assert (level["coveredSeconds"], level["integral"]) == (str(seconds), str(1024 * seconds))
        shown = run_cli("usage", "--url", receiver.url, "--from", micro(end - SECOND), COLUMNS="160")
        assert "1.0 KiB" in shown.stdout
        receiver.stop()
    assert run_cli("verify", "--database-url", database_url).returncode == 0
    refused = run_cli("serve", "--level-hold-seconds", "899", "--database-url", database_url)
    assert (refused.returncode, "must be 900 to" in refused.stderr) == (2, True)
