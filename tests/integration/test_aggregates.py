"""TimescaleDB's community edition: continuous aggregates and columnstore agree with the rest, late points included."""

import asyncio
import itertools
from datetime import UTC, datetime

import asyncpg
import pytest
from books import rebuild, verify
from otlp import SECOND, export, export_request, now_ns, usage
from waiting import wait_until

from tallystick_receiver.store.aggregates import refresh_aggregates
from tallystick_receiver.store.retention import dropped_before

pytestmark = pytest.mark.editions("timescaledb-community")
DAY = 86_400 * SECOND
LATE = ("--late-seconds-max", "8640000", "--roll-seconds", "0.05")


def fetch(url, query, *arguments):
    async def run():
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetch(query, *arguments)
        finally:
            await connection.close()

    return asyncio.run(run())


TODAY = now_ns() // DAY * DAY
"""A test that runs past midnight still speaks of the same days."""


def age_of(days):
    return datetime.fromtimestamp((TODAY - days * DAY) // SECOND, UTC).date()


def send(receiver, age_days, value, number=0):
    """A point of a day, each number a second later; today, of which perhaps a second is over, a microsecond."""
    within = (1000 + number) * SECOND if age_days else (1 + number) * 1000
    end = TODAY - age_days * DAY + within
    assert export(receiver.url, export_request([{"name": "bytes", "value": value, "end": end}])).rejected == 0


def quantity(receiver):
    [row] = usage(receiver.url, orgId="acme", from_="2026-01-01", to="2036-01-01")["rows"]
    return int(row["quantity"])


def aggregated(url):
    return {
        ((age_of(0) - row["day"].date()).days, int(row["quantity"]))
        for row in fetch(url, "SELECT day, quantity FROM usage_daily_aggregate")
    }


def test_a_late_point_is_in_the_answer_at_once_and_in_the_aggregate_after_its_refresh(start_receiver, database_url):
    receiver = start_receiver(*LATE)
    send(receiver, 20, 100)
    send(receiver, 5, 10)
    refresh(database_url)
    assert aggregated(database_url) == {(20, 100), (5, 10)}
    send(receiver, 20, 1, 1)
    assert quantity(receiver) == 111
    assert aggregated(database_url) == {(20, 100), (5, 10)}
    assert verify(database_url).count == 0
    assert aggregated(database_url) == {(20, 101), (5, 10)}


def refresh(url, until="now() - interval '2 days'"):
    def is_refreshed(view):
        try:
            fetch(url, f"CALL refresh_continuous_aggregate('{view}', NULL, {until})")
        except asyncpg.LockNotAvailableError:  # the policy refreshes the same days at this moment
            return False
        return True

    for view in ("usage_hourly_aggregate", "usage_daily_aggregate"):
        wait_until(lambda view=view: is_refreshed(view))


def spoil(url, view, where="true"):
    [row] = fetch(
        url,
        "SELECT format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name)"
        f" AS name FROM timescaledb_information.continuous_aggregates WHERE view_name = '{view}'",
    )
    fetch(url, f"UPDATE {row['name']} SET quantity = quantity + 1 WHERE {where}")


@pytest.mark.parametrize("view", ["usage_hourly_aggregate", "usage_daily_aggregate"])
def test_an_aggregate_that_is_wrong_is_found_and_mended_by_rebuild(start_receiver, database_url, view):
    receiver = start_receiver(*LATE)
    send(receiver, 20, 100)
    refresh(database_url)
    spoil(database_url, view)
    found = verify(database_url)
    assert {difference.check for difference in found.differences} == {view.removeprefix("usage_")}
    assert verify(database_url).count > 0
    assert rebuild(database_url) > 0
    assert verify(database_url).count == 0
    assert aggregated(database_url) == {(20, 100)}


def test_late_usage_in_motion_is_told_from_an_aggregate_that_is_wrong(start_receiver, database_url, monkeypatch):
    """More comes between any refresh and the comparison after it; where nothing came, what differs is wrong."""
    receiver = start_receiver(*LATE)
    send(receiver, 20, 100)
    send(receiver, 5, 10)
    refresh(database_url)
    numbers = itertools.count(1)

    async def refresh_and_be_late(*arguments, **options):
        await refresh_aggregates(*arguments, **options)
        await asyncio.to_thread(send, receiver, 20, 1, next(numbers))

    send(receiver, 20, 1, next(numbers))
    monkeypatch.setattr("tallystick_receiver.store.verify.refresh_aggregates", refresh_and_be_late)
    found = verify(database_url)
    assert (found.count, found.unsettled) == (0, 2)
    spoil(database_url, "usage_daily_aggregate", f"day = '{age_of(5)}'")
    found = verify(database_url)
    assert [(d.check, d.at.date()) for d in found.differences] == [("daily_aggregate", age_of(5))]
    assert found.unsettled == 2
    monkeypatch.undo()
    assert verify(database_url).unsettled == 0
    assert quantity(receiver) == 110 + next(numbers) - 1


def test_verifying_leaves_the_present_hour_to_the_points(start_receiver, database_url):
    """Once refreshed, an aggregate lags until its next refresh; only what is over may be."""
    receiver = start_receiver(*LATE)
    send(receiver, 20, 100)
    send(receiver, 0, 1)
    refresh(database_url, "date_trunc('hour', now(), 'UTC')")
    send(receiver, 0, 1, 1)
    present = now_ns()
    for number in range(2):
        point = {"name": "bytes", "value": 5, "end": present + number}
        assert export(receiver.url, export_request([point])).rejected == 0
        assert verify(database_url).count == 0
        assert rebuild(database_url) > 0
    [row] = fetch(database_url, "SELECT sum(quantity) AS quantity FROM usage_daily_aggregate")
    assert int(row["quantity"]) == quantity(receiver) == 112
    point = {"name": "bytes", "value": 7, "end": present + 2}
    assert export(receiver.url, export_request([point])).rejected == 0
    [row] = fetch(database_url, "SELECT sum(quantity) AS quantity FROM usage_daily_aggregate")
    assert int(row["quantity"]) == quantity(receiver) == 119


def test_late_points_land_in_compressed_chunks_and_are_counted_once(start_receiver, database_url):
    receiver = start_receiver(*LATE)
    for number in range(5):
        send(receiver, 20, 100, number)
    [chunk] = fetch(database_url, "SELECT show_chunks('usage_point')::text AS name")
    fetch(database_url, f"CALL convert_to_columnstore('{chunk['name']}')")
    assert [
        row["is_compressed"]
        for row in fetch(
            database_url,
            "SELECT is_compressed FROM timescaledb_information.chunks WHERE hypertable_name = 'usage_point'",
        )
    ] == [True]
    for _ in range(2):
        send(receiver, 20, 7, 10)
        send(receiver, 20, 100, 3)
    assert quantity(receiver) == 507
    ragged = {"from_": usage_time(20, 1001), "to": usage_time(20, 1002), "orgId": "acme"}
    assert [row["quantity"] for row in usage(receiver.url, **ragged)["rows"]] == ["100"]
    assert verify(database_url).count == 0


def test_a_chunk_that_is_compressed_while_it_is_verified_does_not_differ(start_receiver, database_url, monkeypatch):
    """What is truncated is gone for snapshots from before, too."""
    receiver = start_receiver(*LATE)
    send(receiver, 20, 100)
    [chunk] = fetch(database_url, "SELECT show_chunks('usage_point')::text AS name")
    compress = f"CALL convert_to_columnstore('{chunk['name']}')"
    fetch(database_url, compress)
    send(receiver, 20, 7, 10)
    compressed = []

    async def dropped_and_compressed(connection):
        dropped = await dropped_before(connection)
        if not compressed:
            compressed.append(await asyncio.to_thread(fetch, database_url, compress))
        return dropped

    monkeypatch.setattr("tallystick_receiver.store.verify.dropped_before", dropped_and_compressed)
    assert verify(database_url).count == 0
    assert len(compressed) == 1


def usage_time(age_days, second):
    moment = datetime.fromtimestamp(TODAY // SECOND - age_days * 86_400 + second, UTC)
    return moment.isoformat().replace("+00:00", "Z")


def policies(url):
    rows = fetch(url, "SELECT proc_name, config FROM timescaledb_information.jobs WHERE hypertable_name LIKE 'usage%'"
                      " OR proc_name = 'policy_refresh_continuous_aggregate'")  # fmt: skip
    return sorted((row["proc_name"], row["config"]) for row in rows)


def test_policies_follow_the_settings(start_receiver, database_url):
    receiver = start_receiver("--keep-hourly-days", "0")
    while len(policies(database_url)) < 3:
        pass
    first = policies(database_url)
    assert [name for name, _ in first] == ["policy_compression", *["policy_refresh_continuous_aggregate"] * 2]
    assert '"compress_after": "9 days"' in first[0][1]
    assert '"start_offset": "9 days"' in first[1][1] + first[2][1]
    receiver.stop()
    start_receiver("--columnstore-after-days", "3", "--keep-hourly-days", "200", "--upkeep-seconds", "0.2")
    while len(policies(database_url)) < 4 or '"compress_after": "3 days"' not in str(policies(database_url)):
        pass
    assert '"drop_after": "230 days"' in str(policies(database_url))
    jobs = [config for _, config in policies(database_url)]
    assert len(jobs) == 4
