"""Real forks of a process with a used connection and waiting usage: everything is counted once."""

import os
import subprocess
import sys
from collections import Counter

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

PROGRAM = """
import os, sys
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from tallystick import Level, Metering
from tallystick_exporter import UsageReader

reader = UsageReader(endpoint=sys.argv[1], export_interval_millis=3_600_000, backlog_points_max=100)
provider = MeterProvider([reader])
metrics.set_meter_provider(provider)
metering = Metering(keys_max=1)
metering.level("storage", lambda: [Level(quantity=1, organization_id="acme")])
counter = provider.get_meter("app").create_counter("plain")

def use(amount):
    metering.record("recorded", amount, organization_id="acme")
    metering.record("recorded", amount, organization_id="zeta")  # keys_max 1: the other goes out early
    counter.add(amount)

assert reader.force_flush()         # a reader was seen: from now on, usage that finds no room goes out early
use(100)
assert reader.force_flush()         # the connection is in use from now on
use(1_000)                          # waits in the cells and in the SDK
children = []
for _ in range(4):
    child = os.fork()
    if not child:
        for _ in range(25):
            use(1)
            assert reader.force_flush()
        os._exit(0)
    children.append(child)
for _ in range(25):
    use(10)
    assert reader.force_flush()
assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
"""


def run(program, *arguments):
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program, *arguments],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env={**os.environ, "PYTHONPATH": ":".join(path for path in sys.path if path)},
    )
    assert done.returncode == 0, done.stderr


def test_four_children_and_their_parent_send_everything_exactly_once(peer):
    run(PROGRAM, peer.url)

    total = 100 + 1_000 + 4 * 25 + 25 * 10
    assert peer.total("plain") == total
    assert peer.total("recorded") == 2 * total
    assert len({sent.instance for sent in peer.taken}) == 5
    identities = Counter((s.instance, s.name, s.end, frozenset(s.attributes.items())) for s in peer.taken)
    assert max(identities.values()) == 1


def test_a_grandchild_sends_its_own_usage_under_its_own_name(peer):
    run(
        """
import os, sys
from opentelemetry.sdk.metrics import MeterProvider
from tallystick_exporter import UsageReader

reader = UsageReader(endpoint=sys.argv[1], export_interval_millis=3_600_000)
provider = MeterProvider([reader])
counter = provider.get_meter("app").create_counter("plain")
counter.add(1)
for generation in (2, 3):
    child = os.fork()
    if child:
        assert os.waitpid(child, 0)[1] == 0
        break
    counter.add(generation * 10)
provider.shutdown()
""",
        peer.url,
    )

    assert sorted(sent.value for sent in peer.taken) == [1, 20, 30]
    assert len({sent.instance for sent in peer.taken}) == 3


def test_a_lock_that_is_stuck_inside_the_sdk_does_not_hang_the_child(peer):
    run(
        """
import os, sys
from opentelemetry.sdk.metrics import MeterProvider
import tallystick_exporter.reader
from tallystick_exporter import UsageReader

tallystick_exporter.reader._DISCARD_SECONDS = 0.05
reader = UsageReader(endpoint=sys.argv[1], export_interval_millis=3_600_000)
provider = MeterProvider([reader])
with provider._measurement_consumer._lock:
    child = os.fork()
    if not child:
        os._exit(0)
assert os.waitpid(child, 0)[1] == 0
""",
        peer.url,
    )
