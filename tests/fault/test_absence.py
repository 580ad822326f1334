"""A receiver that is away, workers that fork: afterwards the totals are equal, to the unit and in the right hour."""

import os
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime

import pytest
from fault.accounts import window
from fault.proxy import STORM, Fault, HttpProxy
from otlp import SECOND, now_ns, totals, usage

TICK_SECONDS = 10
MINUTE_TICKS = 60 // TICK_SECONDS

TEN_MINUTES = """
import sys, time
from opentelemetry.sdk.metrics import MeterProvider
from tallystick import Metering
from tallystick_exporter import UsageReader

virtual_ns = int(sys.argv[1])
reader = UsageReader(export_interval_millis=3_600_000, now_ns=lambda: virtual_ns)
metering = Metering(MeterProvider([reader]))
for line in sys.stdin:
    ticks, is_away = line.split()
    for _ in range(int(ticks)):
        virtual_ns += 10 * 10**9
        metering.record("kept", 1 + virtual_ns // 10**10 % 1000, organization_id="acme")
        is_delivered = reader.force_flush()
    assert not (is_delivered and is_away == "True")
    while not (is_delivered or is_away == "True"):      # the machine is busy, perhaps
        is_delivered = reader.force_flush()
    while reader._exporter._backlog:                    # of a full hour's tick, perhaps
        time.sleep(0.01)
    print("on disk or delivered", flush=True)
"""


class App:
    """An application whose clock runs as fast as it can, in ticks of ten seconds."""

    def __init__(self, url, begin_ns):
        self._begin_ns = self.now_ns = begin_ns
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore::DeprecationWarning", "-c", TEN_MINUTES, str(begin_ns)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT": "0.5"},
        )  # fmt: skip

    def run(self, ticks, is_away=False):
        """Everything is delivered afterwards; on disk, when the receiver is away."""
        self._process.stdin.write(f"{ticks} {is_away}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "on disk or delivered\n"
        self.now_ns += ticks * TICK_SECONDS * SECOND

    @property
    def recorded(self):
        """Quantities by hour."""
        ticks = range(self._begin_ns + TICK_SECONDS * SECOND, self.now_ns + 1, TICK_SECONDS * SECOND)
        found = Counter()
        for tick in ticks:
            found[datetime.fromtimestamp((tick - 1) // (3600 * SECOND) * 3600, UTC)] += 1 + tick // 10**10 % 1000
        return found

    def end(self, how):
        if how == "kill -9":
            self._process.kill()
        self._process.communicate(timeout=120)


@pytest.mark.parametrize("how", ["exit", "kill -9"])
def test_ten_minutes_without_a_receiver_and_a_restart_meanwhile_lose_nothing(receiver, how):
    begin = now_ns() // (60 * SECOND) * 60 * SECOND - 20 * 60 * SECOND
    first = App(receiver.url, begin)
    first.run(3 * MINUTE_TICKS)
    receiver.kill()
    first.run(5 * MINUTE_TICKS, is_away=True)
    first.end(how)
    second = App(receiver.url, first.now_ns)
    second.run(5 * MINUTE_TICKS, is_away=True)
    receiver.start()
    second.run(MINUTE_TICKS)
    second.end("exit")

    recorded = first.recorded + second.recorded
    assert totals(receiver.url, **window()) == {"kept": str(sum(recorded.values()))}
    rows = usage(receiver.url, groupBy="hour", **window())["rows"]
    assert {datetime.fromisoformat(row["hour"]): int(row["quantity"]) for row in rows} == recorded
    assert sum(row["count"] for row in rows) == 14 * MINUTE_TICKS


PRE_FORK = """
import os, signal, sys, time
from opentelemetry.sdk.metrics import MeterProvider
from tallystick import Metering
from tallystick_exporter import UsageReader

reader = UsageReader(export_interval_millis=5000)   # a busy machine must deliver faster than collections come
metering = Metering(MeterProvider([reader]))

def deliver():
    deadline = time.monotonic() + 200
    while not reader.force_flush():
        assert time.monotonic() < deadline

metering.record("used", 1_000_000, organization_id="acme")   # waits, as gunicorn's --preload leaves it
children = []
for number in range(4):
    child = os.fork()
    if not child:
        for _ in range(25):
            metering.record("used", 10**number, organization_id="acme", metadata={"worker": number})
            reader.force_flush(200)
        deliver()
        os._exit(0)
    children.append(child)
metering.record("used", 2_000_000, organization_id="acme")
assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
deliver()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_pending_usage_of_a_process_that_forks_four_workers_is_counted_once_through_a_storm(receiver):
    proxy = HttpProxy(receiver.port, seed=4, weather=STORM)
    try:
        done = subprocess.run(
            [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PRE_FORK],
            capture_output=True, text=True, timeout=240, check=False,
            env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": proxy.url, "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT": "1"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        proxy.deliver_held()
    finally:
        proxy.close()

    assert sum(proxy.suffered.values()) > proxy.suffered[Fault.NONE]
    assert totals(receiver.url) == {"used": str(3_000_000 + 25 * 1111)}
