"""Whatever instrument a program uses: what UsageReader announces of it is what the receiver counts."""

import os
import subprocess
import sys

from otlp import get, totals, usage
from system.test_completeness import books, eventually

PROGRAM = """
from opentelemetry.metrics import Observation
from opentelemetry.sdk.metrics import MeterProvider
from tallystick import Metering
from tallystick_exporter import UsageReader
reader = UsageReader(export_interval_millis=3_600_000)
provider = MeterProvider([reader])
meter = provider.get_meter("app")
org = {"org.id": "acme"}
total = 0
def observe(_):
    global total
    total += 2.5
    yield Observation(total, org)
meter.create_observable_counter("observed", callbacks=[observe])
meter.create_observable_gauge("gauge", callbacks=[lambda _: [Observation(-0.1, org)]])
meter.create_observable_up_down_counter("kept", callbacks=[lambda _: [Observation(7, org)]])
counter, histogram = meter.create_counter("Counted", unit="By"), meter.create_histogram("sizes", unit="By")
other = meter.create_counter("http.requests")
metering = Metering(provider)
for number in range(3):
    for n in range(5):
        counter.add(0.1 * n, {**org, "n": n})
        histogram.record(0.7 * n, org)
        other.add(1, {"http.route": str(n)})
        metering.record("recorded", 2**60 + n, organization_id="acme", metadata={"n": n})
    assert reader.force_flush()
provider.shutdown()
"""


def test_everything_that_counts_is_found_whole(start_receiver):
    receiver = start_receiver("--balance-seconds", "0.05", "--gap-grace-seconds", "0.2")
    environment = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=120, env=environment)
    found = eventually(lambda: (b := books(receiver))["writers"]["announcing"] and b)
    found = eventually(lambda: (b := books(receiver))["state"] != "unknown" and b)
    assert (found["state"], found["gaps"]) == ("complete", [])
    assert totals(receiver.url)["recorded"] == str(3 * (5 * 2**60 + 10))
    counts = {row["type"]: row["count"] for row in usage(receiver.url)["rows"]}
    assert counts["sizes"] == 15
    reasons = {point["reason"] for point in get(receiver.url + "/api/v1/quarantine").json["points"]}
    assert reasons == {"missing_org"}
