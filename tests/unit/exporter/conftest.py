from contextlib import ExitStack

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from unit.exporter.otlp_peer import otlp_peer
from unit.exporter.spools import Spools

from tallystick_exporter import UsageExporter, UsageReader

HOUR_MILLIS = 3_600_000


@pytest.fixture
def peer():
    with otlp_peer() as peer:
        yield peer


class Application:
    """A provider with our reader, which collects when the test says so."""

    def __init__(self, peer, interval_millis=HOUR_MILLIS, timeout=None, **exporter):
        self.exporter = UsageExporter(peer.url, timeout=timeout, **exporter)
        self.reader = UsageReader(self.exporter, export_interval_millis=interval_millis)
        self.provider = MeterProvider([self.reader], shutdown_on_exit=False)
        self.counter = self.provider.get_meter("app").create_counter("plain")


@pytest.fixture
def application(peer):
    with ExitStack() as stack:

        def make(**options):
            made = Application(peer, **options)
            stack.callback(made.reader.shutdown, timeout_millis=5_000)
            return made

        yield make


@pytest.fixture
def spools(tmp_path):
    found = Spools(tmp_path / "spool")
    yield found
    found.close()
