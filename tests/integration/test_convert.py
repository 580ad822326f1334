"""From plain PostgreSQL to TimescaleDB: every point once, resumable, while a receiver goes on."""

import asyncio
import subprocess
import sys
import threading
from datetime import UTC, datetime

import pytest
from books import verify
from conftest import ReceiverProcess, run_cli
from otlp import SECOND, export, export_request, get, now_ns, usage

from tallystick_receiver.store.convert import convert
from tallystick_receiver.store.database import connected
from tallystick_receiver.store.edition import Edition, recorded_edition

TIMESCALEDB = pytest.mark.editions("timescaledb-apache", "timescaledb-community")
DAY = 86_400 * SECOND
TODAY = now_ns() // DAY * DAY
"""A test that runs past midnight still speaks of the same days."""


class Interrupted(Exception):
    pass


@pytest.fixture
def plain(empty_database_url):
    """A receiver on a plain database of a server that offers TimescaleDB."""
    done = run_cli("migrate", "--to", "postgresql", "--database-url", empty_database_url)
    assert done.returncode == 0, done.stderr
    process = ReceiverProcess(
        ["--database-url", empty_database_url, "--late-seconds-max", "8640000", "--roll-seconds", "0.2"], {}
    )
    for age in range(0, 30, 3):
        for number in range(3):
            send(process, age, number)
    yield process
    process.close()


def send(receiver, age_days, number, org="acme"):
    end = TODAY - age_days * DAY + (1000 + number) * SECOND
    points = [{"name": "bytes", "value": 5 + n, "end": end, "attributes": {"org.id": org, "n": n}} for n in range(4)]
    assert export(receiver.url, export_request(points)).rejected == 0


def rows(receiver):
    return usage(receiver.url, orgId="acme", groupBy="day,n", from_="2026-01-01", to="2036-01-01")["rows"]


def run_convert(url, progress=lambda *_: None):
    async def run():
        async with connected(url) as connection:
            return await convert(connection, progress), await recorded_edition(connection)

    return asyncio.run(run())


@TIMESCALEDB
def test_conversion_interrupted_and_begun_again_keeps_every_answer(plain, empty_database_url, edition):
    before = rows(plain)

    def interrupt(what, done, _):
        if what.startswith("points") and done == 4:
            raise Interrupted

    with pytest.raises(Interrupted):
        run_convert(empty_database_url, interrupt)
    assert rows(plain) == before
    send(plain, 0, 7, "globex")
    send(plain, 27, 7, "globex")
    assert run_convert(empty_database_url) == (Edition(edition),) * 2
    assert rows(plain) == before
    send(plain, 0, 8, "globex")
    send(plain, 6, 8, "globex")
    assert verify(empty_database_url).count == 0
    done = run_cli("migrate", "--to", "timescaledb", "--database-url", empty_database_url)
    assert (done.returncode, f"{edition} stays" in done.stdout) == (0, True), done.stdout + done.stderr


HELD = {
    "a copy": (f"usage_point_{datetime.fromtimestamp(TODAY // SECOND - 9 * 86_400, UTC):%Y%m%d}", "ACCESS EXCLUSIVE"),
    "the switch": ("usage_collection", "ROW EXCLUSIVE"),
}


@TIMESCALEDB
@pytest.mark.parametrize("killed", HELD)
async def test_a_conversion_that_is_killed_and_begun_again_counts_every_point_once(plain, empty_database_url, killed):
    before = rows(plain)
    relation, mode = HELD[killed]
    waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = to_regclass($1)"
    arguments = ("migrate", "--to", "timescaledb", "--database-url", empty_database_url)
    async with connected(empty_database_url) as other, other.transaction():
        await other.execute(f"LOCK TABLE {relation} IN {mode} MODE")
        process = subprocess.Popen([sys.executable, "-m", "tallystick_receiver", *arguments])
        try:
            while not await other.fetchval(waits, relation):
                assert process.poll() is None
        finally:
            process.kill()
            process.wait()
    assert await asyncio.to_thread(rows, plain) == before
    done = await asyncio.to_thread(run_cli, *arguments)
    assert done.returncode == 0, done.stderr
    assert await asyncio.to_thread(rows, plain) == before
    assert (await asyncio.to_thread(verify, empty_database_url)).count == 0


@TIMESCALEDB
def test_usage_that_arrives_during_the_conversion_is_counted_once(plain, empty_database_url, edition):
    before = rows(plain)
    stopping = threading.Event()
    sent = []

    def deliver():
        while not stopping.is_set():
            send(plain, len(sent) % 20, 20 + len(sent), "globex")
            sent.append(1)

    thread = threading.Thread(target=deliver)
    thread.start()
    try:
        while len(sent) < 10:
            assert thread.is_alive()
        done = run_cli("migrate", "--to", "timescaledb", "--database-url", empty_database_url)
        assert done.returncode == 0, done.stderr
        assert f"postgresql became {edition}" in done.stdout
    finally:
        stopping.set()
        thread.join()
    assert rows(plain) == before
    [row] = usage(plain.url, orgId="globex", from_="2026-01-01", to="2036-01-01")["rows"]
    assert row["count"] == 4 * len(sent)
    assert verify(empty_database_url).count == 0
    assert get(plain.url + "/healthz").status == 200


def test_a_server_without_timescaledb_says_so(database_url):
    done = run_cli("migrate", "--to", "timescaledb", "--database-url", database_url)
    assert (done.returncode, "offers no TimescaleDB" in done.stderr) == (1, True)
