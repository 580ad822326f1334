"""Full disks: usage waits in memory, senders are told to come again, nothing acknowledged is lost, and it goes on."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from fault.load import expected, load, progressed
from otlp import get, totals
from waiting import wait_until

SPOOL_BYTES = "256k"
DATABASE_BYTES = "200m"
SERVE = (sys.executable, "-m", "tallystick_receiver", "serve", "--listen", "127.0.0.1:0")

FILL = """
import sys
from pathlib import Path
from opentelemetry.sdk.metrics import MeterProvider
from tallystick import Metering
from tallystick_exporter import UsageExporter, UsageReader

exporter = UsageExporter()
reader = UsageReader(exporter, export_interval_millis=3_600_000)
metering = Metering(MeterProvider([reader]))
recorded = 0
while len(exporter._backlog) < 20:          # in memory, because the disk is full
    recorded += 7
    metering.record("kept", 7, organization_id="acme")
    assert not reader.force_flush()
print(recorded, len(exporter._spool), flush=True)
sys.stdin.readline()
while not reader.force_flush(60_000):
    pass
"""


def start_filling(url, spool):
    """An application that has filled its disk; what it recorded, and how many requests are on disk."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FILL],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT": "0.5",
             "TALLYSTICK_SPOOL_DIR": str(spool)},
    )  # fmt: skip
    recorded, on_disk = map(int, process.stdout.readline().split())
    return process, recorded, on_disk


def test_a_full_disk_under_the_spool_loses_nothing_of_an_application_that_lives(receiver, small_disk):
    spool = small_disk(SPOOL_BYTES).folder
    receiver.kill()
    process, recorded, on_disk = start_filling(receiver.url, spool)
    assert on_disk > 0
    receiver.start()
    process.communicate("\n", timeout=240)

    assert process.returncode == 0
    assert totals(receiver.url) == {"kept": str(recorded)}


def test_what_was_on_the_full_disk_of_a_killed_application_is_delivered_by_the_next(receiver, small_disk):
    spool = small_disk(SPOOL_BYTES).folder
    receiver.kill()
    process, _, on_disk = start_filling(receiver.url, spool)
    process.kill()
    process.communicate(timeout=120)
    receiver.start()
    deliver = "from tallystick_exporter import UsageExporter; assert UsageExporter().force_flush()"
    subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", deliver], check=True, timeout=120,
        env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "TALLYSTICK_SPOOL_DIR": str(spool)},
    )  # fmt: skip

    assert totals(receiver.url) == {"kept": str(7 * on_disk)}


@pytest.fixture
def served_from(small_disk):
    """A receiver whose embedded PostgreSQL lives on a small disk: its process, its URL, the disk."""
    disk = small_disk(DATABASE_BYTES)
    with disk.folder.with_suffix(".log").open("w+") as log:
        process = subprocess.Popen(
            [*SERVE, "--data-dir", str(disk.folder / "data")], stdout=subprocess.PIPE, stderr=log, text=True
        )
        try:
            yield "http://127.0.0.1:" + process.stdout.readline().split(":")[2].split("/")[0], disk
            process.send_signal(signal.SIGTERM)
            log.seek(0)
            assert process.wait(60) == 0, log.read()[-2000:]
        finally:
            process.kill()
            process.communicate()
    Path(log.name).unlink()


@pytest.mark.parametrize("is_killed", [False, True], ids=["", "and is killed meanwhile"])
def test_a_full_disk_under_the_database_answers_503_and_loses_nothing_acknowledged(served_from, is_killed):
    url, disk = served_from

    def is_refused():
        """All clients are told to come again, and again."""
        before = [client.answers[503] for client in clients]
        wait_until(lambda: all(c.answers[503] > b + 20 or c.trouble for c, b in zip(clients, before, strict=True)))

    with load(url) as clients:
        wait_until(progressed(clients))
        disk.fill()
        is_refused()
        if is_killed:
            postmaster = disk.folder / "data" / "postgres" / "postmaster.pid"
            os.kill(int(postmaster.read_text().split("\n", 1)[0]), signal.SIGKILL)
            is_refused()
        before = expected(clients)
        disk.make_room()
        wait_until(progressed(clients))
    wait_until(lambda: get(url + "/readyz").status == 200)

    assert set().union(*(client.answers for client in clients)) == {200, 503}
    assert int(before["load"]) < int(expected(clients)["load"])
    assert totals(url) == expected(clients)
