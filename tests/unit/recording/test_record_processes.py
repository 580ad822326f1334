"""Before there is a provider, and in forked children: run in a process of their own."""

import subprocess
import sys

import pytest


def run(script):
    """Run a script in a new interpreter; it fails by its assertions."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PYTHONPATH": ":".join(path for path in sys.path if path)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_usage_recorded_before_a_provider_is_set_is_not_lost():
    run("""
from tallystick import Level, Metering
from opentelemetry import metrics
from unit.recording.recorded import Collected

metering = Metering()
metering.record("events", 2, organization_id="acme")
metering.level("storage", lambda: [Level(quantity=7, organization_id="acme")])
collected = Collected()
metrics.set_meter_provider(collected.provider)
metering.record("events", 3, organization_id="acme")
Metering(collected.provider).record("events", 4, organization_id="acme")
assert sorted(collected.values()) == [7, 9]
""")


def test_a_metering_made_for_the_provider_and_one_for_the_global_are_one():
    run("""
from tallystick import Metering
from opentelemetry import metrics
from unit.recording.recorded import Collected

collected = Collected()
first = Metering(collected.provider)
metrics.set_meter_provider(collected.provider)
Metering().record("cpu", 0.1, organization_id="acme")
first.record("cpu", 0.2, organization_id="acme")
assert collected.values() == [0.3]
""")


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="needs fork")
def test_what_waits_at_a_fork_leaves_from_the_parent_alone():
    run("""
import os
from tallystick import Metering
from unit.recording.recorded import Collected

collected = Collected()
metering = Metering(collected.provider)
metering.record("events", 7, organization_id="acme")
metering.record("cpu", 0.1, organization_id="acme")
with metering._pending.lock:  # held by a thread that the child does not have
    child = os.fork()
    if child == 0:
        from threading import Thread
        Thread(target=metering.record, args=("events", 1), kwargs={"organization_id": "acme"}).run()
        values = collected.values()
        os._exit(0 if values == [1] else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert collected.values() == [7, 0.1]
""")


def test_a_signal_handler_may_record_while_recording():
    run("""
import signal
from decimal import Decimal
from tallystick import Metering
from unit.recording.recorded import Collected

collected = Collected()
metering = Metering(collected.provider)
handled = 0

def handler(*_):
    global handled
    handled += 1
    metering.record("events", 1, organization_id="acme")
    metering.record("cpu", 0.1, organization_id="acme")

signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.0005)
count = 0
while handled < 200:
    count += 1
    metering.record("events", 1, organization_id="acme")
    metering.record("cpu", 0.1, organization_id="acme")
signal.setitimer(signal.ITIMER_REAL, 0)
sums = sorted(collected.until_empty().values())
assert sums == [Decimal(count + handled) / 10, count + handled], (sums, count, handled)
""")
