"""A body that is thrown away between exporter and receiver, with a 200: the books know it, by amount and interval."""

import os
import subprocess
import sys

import pytest
from fault.proxy import CLEAR, HttpProxy
from otlp import totals
from system.test_completeness import books, eventually

APPLICATION = """
import sys
from opentelemetry.sdk.metrics import MeterProvider
from tallystick import Metering
from tallystick_exporter import UsageReader
reader = UsageReader(export_interval_millis=3_600_000)
provider = MeterProvider([reader])
metering = Metering(provider)
for line in sys.stdin:
    for number, amount in enumerate(line.split()):
        metering.record("llm.tokens", int(amount), organization_id=f"org-{number}")
        metering.record("queries", 0.1, organization_id=f"org-{number}")
    assert reader.force_flush()
    print("sent", flush=True)
provider.shutdown()
"""


@pytest.fixture
def proxy(start_receiver):
    receiver = start_receiver("--balance-seconds", "0.05", "--gap-grace-seconds", "0.2")
    proxy = HttpProxy(receiver.port, seed=1, weather=CLEAR)
    proxy.receiver = receiver
    yield proxy
    proxy.close()


def test_a_body_thrown_away_is_a_known_gap_of_exactly_that_amount_and_interval_until_it_is_delivered(proxy):
    receiver = proxy.receiver
    application = subprocess.Popen(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", APPLICATION],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": proxy.url},
    )  # fmt: skip

    def send(line):
        application.stdin.write(line + "\n")
        application.stdin.flush()
        assert application.stdout.readline() == "sent\n"

    send("1 2 3")
    before = eventually(lambda: books(receiver)["until"])
    proxy.swallow_next()
    send("10 20 30 40")
    send("100")
    application.communicate(timeout=120)
    assert totals(receiver.url) == {"llm.tokens": "106", "queries": "0.4"}

    found = eventually(lambda: (b := books(receiver))["state"] == "gaps" and b)
    assert found["missing"] == [
        {"type": "llm.tokens", "unit": "", "points": 4, "quantity": "100"},
        {"type": "queries", "unit": "", "points": 4, "quantity": "0.4"},
    ]
    assert {gap["from"] for gap in found["gaps"]} == {before}
    assert len({gap["to"] for gap in found["gaps"]}) == 1

    proxy.deliver_swallowed()
    eventually(lambda: books(receiver)["state"] == "complete")
    assert totals(receiver.url) == {"llm.tokens": "206", "queries": "0.8"}
