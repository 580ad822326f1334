"""What is dropped, when, and what stays: never what late data may reach, never a rollup for its points."""

import asyncio
import json
import threading
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from books import verify
from conftest import sql
from otlp import JSON, SECOND, export, export_request, get, now_ns, post, usage
from sender import Sender

from tallystick_receiver.horizons import Kept
from tallystick_receiver.store.database import connected
from tallystick_receiver.store.upkeep import StoragePlan, keep_up

pytestmark = pytest.mark.editions
DAY = 86_400 * SECOND
LATE = ("--late-seconds-max", "100000000", "--keep-points-days", "0")
SHORT = ("--late-seconds-max", "3600", "--keep-points-days", "10", "--upkeep-seconds", "0.1", "--roll-seconds", "0.1")
AGES = (0, 1, 3, 9, 12, 35, 70)


def body(age_days):
    """A collection of that age, the same one each time; today's is not ahead of a day that has just begun."""
    end = min((now_ns() // DAY - age_days) * DAY + 3_723 * SECOND, now_ns())
    points = [
        {"name": "bytes", "value": 100 + n, "end": end, "attributes": {"org.id": "acme", "n": n}} for n in range(5)
    ]
    return export_request(points)


def date_of(age_days):
    return datetime.fromtimestamp(now_ns() // SECOND - age_days * 86_400, UTC).date().isoformat()


def by_day(url):
    rows = usage(url, orgId="acme", groupBy="day", from_=date_of(80), to=date_of(-1))["rows"]
    return {row["day"]: (row["quantity"], row["count"]) for row in rows}


async def points_by_age(database_url):
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch("SELECT DISTINCT ts::date AS day FROM usage_point")
        ledger = await connection.fetch("SELECT DISTINCT end_ns / 86400000000000 AS day FROM usage_collection")
        sealed = await connection.fetchval("SELECT sum(points) FROM usage_collection_hourly")
    finally:
        await connection.close()
    today = now_ns() // DAY
    epoch = datetime(1970, 1, 1, tzinfo=UTC).date()
    return (
        sorted(today - (row["day"] - epoch).days for row in rows),
        sorted(today - row["day"] for row in ledger),
        sealed,
    )


def dropped(receiver):
    return get(receiver.url + "/healthz").json["counts"].get("storage.dropped", 0)


def test_old_points_and_arrays_go_and_every_total_stays(start_receiver, database_url):
    receiver = start_receiver(*LATE)
    for age in AGES:
        assert export(receiver.url, body(age)).rejected == 0
    before = by_day(receiver.url)
    assert len(before) == len(AGES)
    receiver.stop()

    receiver = start_receiver(*SHORT)
    while dropped(receiver) < 8:
        assert by_day(receiver.url) == before
    points, ledger, sealed = asyncio.run(points_by_age(database_url))
    assert points == [0, 1, 3, 9]
    assert ledger == [0, 1]
    assert sealed == 5 * 5
    assert by_day(receiver.url) == before

    found = verify(database_url)
    assert found.count == 0
    assert {"sealed", "ledger", "entries", "days"} <= set(found.compared)


def test_the_ledger_of_a_day_stays_until_what_was_announced_of_it_is_compared(start_receiver, database_url):
    """Receivers that were away for longer than points may be late find their balancer behind."""
    receiver = start_receiver(*LATE, "--balance-seconds", "3600")
    sender = Sender(begun=(now_ns() // DAY - 40) * DAY)
    known, unknown, later = (sender.collect(requests=[n]) for n in (5, 6, 7))
    arrived = [*known, unknown[0], *later]  # the second is here, but nobody announced it
    sender.collect(requests=[8])  # and this one is missing
    arrived += sender.collect(requests=[9])
    for request in arrived:
        assert export(receiver.url, request).rejected == 0
    receiver.stop()
    receiver = start_receiver(*SHORT, "--balance-seconds", "0.1", "--gap-grace-seconds", "3")
    while dropped(receiver) < 2:
        pass
    whole = {"from_": date_of(41), "to": date_of(38)}
    found = get(receiver.url + "/api/v1/completeness", **whole).json
    assert found["state"] == "gaps"
    assert [(gap["points"], gap["quantity"]) for gap in found["gaps"]] == [(1, "8")]
    assert [row["quantity"] for row in usage(receiver.url, **whole)["rows"]] == ["27"]


def test_what_needs_dropped_points_is_refused_with_a_sentence_and_whole_hours_are_answered(start_receiver):
    receiver = start_receiver(*LATE)
    assert export(receiver.url, body(40)).rejected == 0
    receiver.stop()
    receiver = start_receiver(*SHORT)
    while dropped(receiver) < 2:
        pass
    ragged = {"from_": f"{date_of(40)}T01:01:00Z", "to": f"{date_of(39)}T00:00:00Z", "orgId": "acme"}
    refused = get(receiver.url + "/api/usage", **ragged)
    assert refused.status == 400
    assert "full quarters of an hour" in refused.json["detail"]
    whole = usage(receiver.url, orgId="acme", from_=f"{date_of(40)}T01:00:00Z", to=f"{date_of(40)}T02:00:00Z")
    assert [row["quantity"] for row in whole["rows"]] == ["510"]


def test_a_point_of_a_sealed_day_is_refused_however_late_points_may_be(start_receiver, database_url):
    receiver = start_receiver(*LATE)
    assert export(receiver.url, body(40)).rejected == 0
    receiver.stop()
    receiver = start_receiver(*SHORT)
    while dropped(receiver) < 2:
        pass
    receiver.stop()
    receiver = start_receiver(*LATE)
    for _ in range(2):
        assert export(receiver.url, body(40)).rejected == 5
    assert by_day(receiver.url) == {date_of(40): ("510", 5)}
    [reason] = {point["reason"] for point in get(receiver.url + "/api/v1/quarantine").json["points"]}
    assert reason == "too_old"
    assert export(receiver.url, body(5)).rejected == 0


def test_dropping_goes_on_while_usage_arrives(start_receiver, database_url):
    receiver = start_receiver(*LATE)
    for age in AGES:
        assert export(receiver.url, body(age)).rejected == 0
    before = by_day(receiver.url)
    receiver.stop()
    receiver = start_receiver(*SHORT)
    stopping = threading.Event()
    sent = []

    def send():
        while not stopping.is_set():
            points = [{"name": "bytes", "value": 1, "end": now_ns() - len(sent), "attributes": {"org.id": "globex"}}]
            assert export(receiver.url, export_request(points)).rejected == 0
            sent.append(1)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        while dropped(receiver) < 8 or len(sent) < 20:
            assert thread.is_alive()
            assert by_day(receiver.url) == before
    finally:
        stopping.set()
        thread.join()
    [row] = usage(receiver.url, orgId="globex", from_=date_of(1), to=date_of(-1))["rows"]
    assert row["quantity"] == str(len(sent))


def test_nothing_is_dropped_that_late_points_may_reach(start_receiver, database_url):
    receiver = start_receiver(
        "--late-seconds-max", str(20 * 86_400), "--keep-points-days", "1", "--upkeep-seconds", "0.1"
    )
    for age in (0, 5, 15):
        assert export(receiver.url, body(age)).rejected == 0
        assert export(receiver.url, body(age)).rejected == 0
    sql(database_url, "SELECT pg_sleep(0.3)")
    assert dropped(receiver) == 0
    assert {quantity for quantity, _ in by_day(receiver.url).values()} == {"510"}


def test_rollups_have_their_own_retention_and_their_own_refusals(start_receiver):
    receiver = start_receiver(*LATE)
    for age in AGES:
        assert export(receiver.url, body(age)).rejected == 0
    receiver.stop()
    receiver = start_receiver(*SHORT, "--keep-hourly-days", "20", "--keep-daily-days", "50")
    while dropped(receiver) < 8 + 4:
        pass
    refused = get(receiver.url + "/api/usage", orgId="acme", from_=date_of(40), to=date_of(0), groupBy="hour")
    assert (refused.status, "days of UTC" in refused.json["detail"]) == (400, True)
    refused = get(receiver.url + "/api/usage", orgId="acme", from_=date_of(60), to=date_of(0), groupBy="day")
    assert (refused.status, "begin it then" in refused.json["detail"]) == (400, True)
    rows = usage(receiver.url, orgId="acme", from_=date_of(45), to=date_of(-1), groupBy="day")["rows"]
    assert [row["quantity"] for row in rows] == ["510"] * 6


async def test_a_clock_that_runs_ahead_drops_nothing(start_receiver, database_url):
    receiver = start_receiver(*LATE)
    assert export(receiver.url, body(3)).rejected == 0
    kept = Kept(late_seconds=3600, points_days=5, hourly_days=5, daily_days=5)
    plan = StoragePlan(kept=kept, chunk=timedelta(days=1), columnstore_after=timedelta(days=9))
    async with connected(database_url) as connection:
        await keep_up(connection, plan, now_ns() + 3650 * DAY)
    assert by_day(receiver.url) == {date_of(3): ("510", 5)}
    points, _, _ = await points_by_age(database_url)
    assert points == [3]


def test_ids_of_records_that_said_their_time_go_with_its_day_and_the_record_stays_too_old(start_receiver, database_url):
    moment = datetime.fromtimestamp(now_ns() // SECOND, UTC) - timedelta(days=40)
    said = {"metricKey": "calls", "quantity": 3, "metadata": {"orgId": "acme"}}
    dated, undated = said | {"id": "a", "timestamp": moment.isoformat()}, said | {"id": "b"}
    path = "/api/v1/usage/records"
    receiver = start_receiver(*LATE)
    assert post(receiver.url + path, json.dumps([dated, undated]).encode(), JSON).json["accepted"] == 2
    receiver.stop()
    receiver = start_receiver(*SHORT)
    while count_records(database_url) > 1:
        assert receiver.process.poll() is None
    receiver.stop()
    receiver = start_receiver(*LATE)
    found = post(receiver.url + path, json.dumps([dated, undated]).encode(), JSON).json["results"]
    assert [(r["status"], r.get("reason")) for r in found] == [("rejected", "too_old"), ("duplicate", None)]
    window = {"from_": date_of(80), "to": date_of(-1)}
    assert [row["quantity"] for row in usage(receiver.url, orgId="acme", **window)["rows"]] == ["6"]
    assert verify(database_url).count == 0


def count_records(database_url):
    async def count():
        connection = await asyncpg.connect(database_url)
        try:
            return await connection.fetchval("SELECT count(*) FROM usage_record")
        finally:
            await connection.close()

    return asyncio.run(count())
