"""The stock OpenTelemetry SDK with its default temporality, which is cumulative: the answers are what was recorded."""

import json
import os
import subprocess
import sys

from conftest import run_cli
from otlp import get, usage

PROGRAM = """
import json, random, sys
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource

view = View(instrument_name="exponential", aggregation=ExponentialBucketHistogramAggregation())
reader, resource = PeriodicExportingMetricReader(OTLPMetricExporter()), Resource.create({"service.name": "app"})
provider = MeterProvider([reader], resource=resource, views=[view])
meter = provider.get_meter("app")
counter = meter.create_counter("calls", "{call}")
histograms = [meter.create_histogram(name, "By") for name in ("plain", "exponential")]
chance = random.Random(sys.argv[1])
recorded = {}


def count(name, org, quantity, operations):
    key = f"{name} {org}"
    before = recorded.get(key, (0, 0))
    recorded[key] = (before[0] + quantity, before[1] + operations)


for _ in range(6):
    for n in range(40):
        org = chance.choice(["acme", "globex"])
        amount = chance.randint(0, 1000)
        counter.add(amount, {"org.id": org, "n": n % 5})
        count("calls", org, amount, 0)
        for histogram in histograms:
            histogram.record(amount, {"org.id": org})
            count(histogram.name, org, amount, 1)
    provider.force_flush()
provider.force_flush()
provider.shutdown()
print(json.dumps(recorded))
"""


def run(seed, receiver_url, **environment):
    """What a process of its own recorded."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(seed)], capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": receiver_url, **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def summed(*recordings):
    found = {}
    for recording in recordings:
        for key, (quantity, operations) in recording.items():
            before = found.get(key, (0, 0))
            found[key] = (before[0] + quantity, before[1] + operations)
    return found


def answered(receiver):
    rows = usage(receiver.url, groupBy="type,org")["rows"]
    found = {f"{row['type']} {row['org']}": (int(row["quantity"]), row["count"]) for row in rows}
    return {key: (quantity, 0 if key.startswith("calls") else count) for key, (quantity, count) in found.items()}


def test_counters_and_histograms_of_a_process_that_is_restarted_are_what_was_recorded(receiver, database_url):
    recorded = summed(*(run(seed, receiver.url) for seed in range(3)))
    assert answered(receiver) == recorded
    assert get(receiver.url + "/healthz").json["counts"].get("points.refused", 0) == 0
    done = run_cli("verify", "--database-url", database_url)
    assert done.returncode == 0, done.stdout


def test_a_restarted_process_that_keeps_its_instance_id_goes_on_counting(receiver):
    instance = {"OTEL_RESOURCE_ATTRIBUTES": "service.instance.id=the-same"}
    recorded = summed(*(run(seed, receiver.url, **instance) for seed in range(2)))
    assert answered(receiver) == recorded


def test_a_receiver_that_is_restarted_between_two_exports_counts_on(start_receiver):
    receiver = start_receiver()
    recorded = [run(1, receiver.url)]
    receiver.kill()
    receiver.start()
    recorded.append(run(2, receiver.url))
    assert answered(receiver) == summed(*recorded)


def test_cumulative_and_delta_processes_of_one_application_add_up(receiver):
    delta = {"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta"}
    recorded = summed(run(1, receiver.url), run(2, receiver.url, **delta))
    assert answered(receiver) == recorded
