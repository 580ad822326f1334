"""Credits on a real database: append-only, refills in bounded rounds, by whoever is there, once."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import asyncpg
import pytest

from tallystick_receiver.credits import Account, Entry, EntryKind, Every, Refill
from tallystick_receiver.store.credits import (
    EntryConflictError,
    book_due,
    end_refill,
    open_account,
    read_balances,
    read_entries,
    read_refills,
    write_entry,
    write_refill,
)
from tallystick_receiver.telemetry import Telemetry

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)
ACCOUNT = Account(
    org="acme", subject_type="user", subject="u1", currency="USD", credits_per_unit=Decimal(1),
    opened_at=NOW.replace(minute=0, second=0), created_at=NOW,
)  # fmt: skip


def refill(hours, **more):
    fields = {"id": "ref_1", "amount": Decimal("0.5"), "count": 1, "every": Every.HOUR, "zone": "UTC", "ends_at": None,
              "note": "", "starts_at": NOW - hours * HOUR}  # fmt: skip
    return Refill(**fields | more)


def entry(key="k", amount="1"):
    return Entry(kind=EntryKind.GRANT, amount=Decimal(amount), key=key, at=NOW, note="")


def on(url, work, connections=1):
    async def run():
        opened = [await asyncpg.connect(url, server_settings={"timezone": "UTC"}) for _ in range(connections)]
        try:
            return await work(*opened)
        finally:
            for connection in opened:
                await connection.close()

    return asyncio.run(run())


async def balance(connection):
    [found] = await read_balances(connection, org="acme", subject_type=None, subject=None, after=None, limit=10)
    return found


@pytest.mark.parametrize("statement", ["UPDATE credit_entry SET amount = 7", "DELETE FROM credit_entry",
                                       "TRUNCATE credit_entry"])  # fmt: skip
def test_the_database_refuses_to_change_an_entry(database_url, statement):
    async def work(connection):
        account, _ = await open_account(connection, ACCOUNT, says_hour=None)
        await write_entry(connection, account, entry(), NOW, says_time=True)
        with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
            await connection.execute(statement)
        assert (await balance(connection)).granted == 1

    on(database_url, work)


def test_hundreds_of_missed_refills_are_booked_in_rounds_of_a_thousand(database_url):
    telemetry = Telemetry()

    async def work(connection):
        account, _ = await open_account(connection, ACCOUNT, says_hour=None)
        await write_refill(connection, account, refill(1500), NOW)
        rounds = []
        while await book_due(connection, NOW, telemetry):
            rounds.append((await balance(connection)).refilled)
        assert rounds == [500, Decimal("750.5")]
        [schedule] = await read_refills(connection, org="acme")
        assert (schedule.booked, schedule.next_at) == (1501, NOW + HOUR)

    on(database_url, work)
    assert telemetry.counts()["credits.refilled"] == 1501


def test_receivers_that_refill_at_once_book_each_refill_once(database_url):
    async def work(*connections):
        account, _ = await open_account(connections[0], ACCOUNT, says_hour=None)
        for number in range(20):
            await write_refill(connections[0], account, refill(50, id=f"ref_{number}"), NOW)
        await asyncio.gather(*(drain(connection) for connection in connections))
        assert (await balance(connections[0])).refilled == 20 * 51 * Decimal("0.5")

    async def drain(connection):
        while await book_due(connection, NOW, Telemetry()):
            pass

    on(database_url, work, connections=4)


def test_a_clock_that_runs_ahead_books_nothing_early(database_url):
    async def work(connection):
        account, _ = await open_account(connection, ACCOUNT, says_hour=None)
        await write_refill(connection, account, refill(-5), NOW)
        assert not await book_due(connection, NOW + 100 * HOUR, Telemetry())
        assert (await balance(connection)).refilled == 0

    on(database_url, work)


def test_what_is_due_before_the_end_of_a_schedule_is_still_booked(database_url):
    async def work(connection):
        account, _ = await open_account(connection, ACCOUNT, says_hour=None)
        await write_refill(connection, account, refill(3), NOW)
        await end_refill(connection, "ref_1", NOW - HOUR)
        while await book_due(connection, NOW, Telemetry()):
            pass
        assert (await balance(connection)).refilled == Decimal("1.0")
        [schedule] = await read_refills(connection, org="acme")
        assert schedule.next_at is None

    on(database_url, work)


def test_a_key_stands_for_one_entry_of_an_account(database_url):
    async def work(connection):
        account, _ = await open_account(connection, ACCOUNT, says_hour=None)
        assert [(await write_entry(connection, account, entry(), NOW, says_time=True))[1] for _ in range(3)] == [
            True, False, False,
        ]  # fmt: skip
        with pytest.raises(EntryConflictError):
            await write_entry(connection, account, entry(amount="2"), NOW, says_time=True)
        found = await read_entries(
            connection, org="acme", subject_type=None, subject=None, kind=None, before=None, limit=9
        )
        assert [booked.entry for booked in found] == [entry()]

    on(database_url, work)
