"""OpenTelemetry's own reader copies unsent deltas into forked children: they cannot be told apart, only told of."""

import os
import subprocess
import sys

from otlp import totals
from system.test_completeness import books, eventually

PROGRAM = """
import os
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import Counter, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
exporter = OTLPMetricExporter(preferred_temporality={Counter: AggregationTemporality.DELTA})
reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
provider = MeterProvider([reader], Resource.create({"service.name": "app"}))
counter = provider.get_meter("app").create_counter("calls")
counter.add(1, {"org.id": "acme"})
provider.force_flush()
counter.add(7, {"org.id": "acme"})
child = os.fork()
if child == 0:
    counter.add(1, {"org.id": "acme"})
    provider.force_flush()
    os._exit(0)
os.waitpid(child, 0)
provider.force_flush()
"""


def test_what_a_fork_of_the_stock_sdk_copied_is_counted_and_told_of(start_receiver):
    receiver = start_receiver("--audit-seconds", "0.2")
    environment = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=120, env=environment)
    assert totals(receiver.url) == {"calls": "16"}
    (copied,) = eventually(lambda: books(receiver)["copied"])
    assert (copied["type"], copied["points"], copied["quantity"]) == ("calls", 1, "7")
