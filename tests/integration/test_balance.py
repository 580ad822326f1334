"""The balancer over days: gaps that nothing can fill any more stay, and nothing is kept for them but the gap."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from conftest import run_cli
from otlp import export, export_request
from sender import Sender

from tallystick_receiver.horizons import Kept
from tallystick_receiver.store.balance import Patience, balance
from tallystick_receiver.store.upkeep import StoragePlan, keep_up
from tallystick_receiver.telemetry import Telemetry

pytestmark = pytest.mark.editions
PATIENCE = Patience(grace=timedelta(seconds=30), late=timedelta(days=7))
TABLES = ("usage_announcement", "usage_run", "usage_gap", "usage_sender", "usage_presence")


@pytest.fixture
def receiver(start_receiver):
    """The test balances by itself."""
    return start_receiver("--balance-seconds", "100000")


def after(database_url, *times):
    """Balances at these times from now; the rows of each table, and the gaps."""

    async def run():
        connection = await asyncpg.connect(database_url)
        for time in times:
            await balance(connection, Telemetry(), PATIENCE, datetime.now(UTC) + time)
        counts = {table: await connection.fetchval(f"SELECT count(*) FROM {table}") for table in TABLES}
        gaps = await connection.fetch("SELECT sequence, points, quantity FROM usage_gap ORDER BY sequence")
        accounted = await connection.fetchval("SELECT max(accounted_to_ns) FROM usage_sender")
        await connection.close()
        return counts, [tuple(map(int, gap)) for gap in gaps], accounted

    return asyncio.run(run())


def test_a_gap_is_known_after_the_grace_and_final_when_nothing_can_arrive_any_more(receiver, database_url):
    sender = Sender()
    export(receiver.url, sender.whole(requests=[1]))
    first_end = sender.end
    sender.whole(requests=[7])
    points, tally = sender.collect(requests=[2, 4])
    export(receiver.url, tally)
    export(receiver.url, sender.whole(requests=[8]))

    counts, gaps, accounted = after(database_url, timedelta())
    assert (counts["usage_run"], gaps, accounted) == (2, [], first_end)

    counts, gaps, accounted = after(database_url, timedelta(minutes=1))
    assert (counts["usage_announcement"], gaps, accounted) == (1, [(2, 1, 7), (3, 2, 6)], sender.end)

    counts, gaps, accounted = after(database_url, timedelta(days=7, hours=2), timedelta(days=7, hours=3))
    assert (counts["usage_announcement"], counts["usage_run"]) == (0, 1)
    assert (gaps, accounted) == ([(2, 1, 7), (3, 2, 6)], sender.end)
    assert export(receiver.url, points).rejected == 0


def test_collections_that_are_whole_leave_one_row_behind(receiver, database_url):
    sender = Sender()
    for amount in range(20):
        export(receiver.url, sender.whole(requests=[amount]))
    counts, _, accounted = after(database_url, timedelta())
    assert counts == {
        "usage_announcement": 0, "usage_run": 1, "usage_gap": 0, "usage_sender": 1, "usage_presence": 0,
    }  # fmt: skip
    assert accounted == sender.end


def test_what_is_announced_again_after_it_was_settled_changes_nothing(receiver, database_url):
    sender = Sender()
    sent = [sender.whole(requests=[amount]) for amount in (1, 2, 3)]
    for request in sent:
        export(receiver.url, request)
    before = after(database_url, timedelta())
    for request in sent:
        export(receiver.url, request)
    assert after(database_url, timedelta(), timedelta(minutes=2)) == before


def test_books_go_with_the_hours_they_are_about(receiver, database_url):
    export(receiver.url, Sender().whole(requests=[1]))
    export(receiver.url, export_request([{"name": "calls"}]))
    counts, _, _ = after(database_url, timedelta())
    assert (counts["usage_sender"], counts["usage_presence"]) == (1, 1)

    async def keep(time):
        connection = await asyncpg.connect(database_url)
        await connection.execute("UPDATE usage_sender SET last_received_at = last_received_at - $1::interval", time)
        await connection.execute("UPDATE usage_presence SET hour = hour - $1::interval", time)
        plan = StoragePlan(
            kept=Kept(late_seconds=604_800, points_days=10, hourly_days=20, daily_days=0),
            chunk=timedelta(days=1), columnstore_after=timedelta(days=9),
        )  # fmt: skip
        await keep_up(connection, plan, int(datetime.now(UTC).timestamp() * 1e9))
        await connection.close()

    asyncio.run(keep(timedelta(days=15)))
    assert after(database_url)[0]["usage_sender"] == 1
    asyncio.run(keep(timedelta(days=10)))
    counts = after(database_url)[0]
    assert (counts["usage_sender"], counts["usage_run"], counts["usage_presence"]) == (0, 0, 0)


def test_doctor_says_what_is_missing(receiver, database_url):
    sender = Sender()
    sender.whole(requests=[7, 8])
    export(receiver.url, sender.whole(requests=[1]))
    after(database_url, timedelta(minutes=1))
    said = run_cli("doctor", "--database-url", database_url, "--json").stdout
    assert "2 points are known to be missing" in said
