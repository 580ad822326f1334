"""Rows of cost go when they are old enough, closed and needed by nobody; what months cost stays to the last digit."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from books import verify
from conftest import sql
from otlp import get, send
from pricing import PATIENT, attributes_of, card, costs, use
from waiting import wait_until

from tallystick_receiver.horizons import Kept
from tallystick_receiver.store.cost_retention import drop_costs
from tallystick_receiver.store.database import connected
from tallystick_receiver.store.upkeep import StoragePlan, keep_up

pytestmark = pytest.mark.editions
MONTHS = ("2026-08", "2026-09", "2026-10")
COUNTS = """
    SELECT (SELECT count(*) FROM usage_cost), (SELECT count(*) FROM cost_line), (SELECT count(*) FROM cost_tariff),
           (SELECT count(*) FROM usage_cost WHERE hour < '2026-10-01Z')
"""
WHOLE = {"from_": "2026-08-01", "to": "2026-11-01"}


def user(name):
    return attributes_of("openai", "gpt-5", **{"user.id": name, "gen_ai.conversation.id": f"c-{name}"})


@pytest.fixture
def priced(start_receiver, database_url):
    """Three months, each with a user and a price of its own; the first two are closed, August with an adjustment."""
    receiver = start_receiver(*PATIENT)
    for n, month in enumerate(MONTHS):
        prices = {"input_uncached": f"{n + 1}.25"}
        card(receiver, "openai", "gpt-5", prices=prices, validFrom=f"{month}-01", replace=True)
        use(receiver, {"input_uncached": 1003, "audio": 5}, user(month), f"{month}-02T10:00:00")
    costs(receiver)
    close(receiver, "2026-08")
    use(receiver, {"input_uncached": 11}, user("2026-08"), "2026-08-02T10:30:00")
    costs(receiver)
    return receiver


def close(receiver, month):
    assert send("POST", f"{receiver.url}/api/v1/costs/months/{month}/close").status == 202
    wait_until(lambda: {"month": month, "state": "closed"} in [
        {"month": m["month"], "state": m["state"]} for m in get(receiver.url + "/api/v1/costs/months").json["months"]
    ])  # fmt: skip


def run(database_url, work):
    async def connect():
        async with connected(database_url) as connection:
            return await work(connection)

    return asyncio.run(connect())


def dropped(database_url, before=datetime(2026, 10, 20, tzinfo=UTC)):
    """Rollups of hours are gone until then, and now rows of cost go."""

    async def work(connection):
        await connection.execute("UPDATE usage_retention SET dropped_before = $1 WHERE relation LIKE '%hourly'", before)
        for table, time in (("usage_quarter_hourly", "quarter"), ("usage_total_hourly", "hour")):
            await connection.execute(f"DELETE FROM {table} WHERE {time} < $1", before)
        return await drop_costs(connection, before), tuple(await connection.fetchrow(COUNTS))

    return run(database_url, work)


def answers(receiver):
    window = {"start": WHOLE["from_"], "end": WHOLE["to"]}
    found = [costs(receiver, groupBy=groups, **window) for groups in ("user", "month,kind,state,category", "type")]
    return [{name: value for name, value in answer.items() if name != "asOf"} for answer in found]


def test_closed_months_go_and_what_they_cost_stays(priced, database_url):
    close(priced, "2026-09")
    before = answers(priced)
    assert dropped(database_url) == (1, (2, 2, 3 + 1, 0)), "tariffs of totals stay, of each month and of none"
    assert answers(priced) == before
    assert verify(database_url).count == 0
    assert dropped(database_url)[0] == 0


def test_an_open_month_stays_and_so_does_all_after_it(priced, database_url):
    count, (rows, *_, old) = dropped(database_url)
    assert (count, rows, old) == (1, 4, 2), "August went, September is open"
    assert get(priced.url + "/api/v1/costs", **WHOLE | {"from_": "2026-09-01", "groupBy": "day"}).status == 200


def test_what_waits_to_be_priced_keeps_its_month(priced, database_url):
    priced.stop()
    sql(database_url, "INSERT INTO cost_rerate VALUES (NULL, NULL, '[2026-08-01Z,2026-09-01Z)', true)")
    assert dropped(database_url)[0] == 0
    sql(database_url, "DELETE FROM cost_rerate")
    sql(database_url, "INSERT INTO cost_due SELECT org_id, '2026-08-02T10:00Z' FROM usage_org")
    assert dropped(database_url)[0] == 0


def test_what_a_balance_is_reckoned_from_stays(priced, database_url):
    opened = {"orgId": "acme", "subjectType": "user", "subjectId": "2026-08", "openedAt": "2026-08-01T00:00:00Z"}
    assert send("POST", priced.url + "/api/v1/balances", opened).status == 201
    before = get(priced.url + "/api/v1/balances", orgId="acme").json
    assert before["balances"][0]["spent"] != "0"
    assert dropped(database_url)[0] == 0
    assert get(priced.url + "/api/v1/balances", orgId="acme").json == before


def test_who_asks_for_hours_that_were_dropped_is_told_what_to_ask(priced, database_url):
    assert dropped(database_url)[0] == 1
    for path, more in (
        ("", {"groupBy": "day"}), ("", {"groupBy": "conversation"}), ("", {"from_": "2026-08-02", "groupBy": "user"}),
        ("/export", {}), ("/unit-economics", {}), ("/trend", {}),
    ):  # fmt: skip
        refused = get(f"{priced.url}/api/v1/costs{path}", **WHOLE | more)
        assert (refused.status, "before 2026-09-01" in refused.json["detail"]) == (400, True), (path, more)
    assert "before 2026-09-01" in send("POST", priced.url + "/api/v1/balances", {
        "orgId": "acme", "subjectType": "user", "subjectId": "new", "openedAt": "2026-08-01T00:00:00Z",
    }).json["detail"]  # fmt: skip


def test_upkeep_drops_costs_by_their_setting_never_before_the_hours(priced, database_url):
    now = datetime.now(UTC)

    async def kept(connection, **days):
        plan = StoragePlan(
            kept=Kept(late_seconds=3600, points_days=1, daily_days=0, **days), chunk=timedelta(days=1),
            columnstore_after=timedelta(days=9),
        )  # fmt: skip
        await keep_up(connection, plan, int(now.timestamp()) * 10**9)
        return await connection.fetchval("SELECT count(*) FROM usage_cost WHERE hour < '2026-09-01Z'")

    async def work(connection: asyncpg.Connection):
        return [
            await kept(connection, hourly_days=hourly, cost_days=cost) for hourly, cost in ((1, 0), (4000, 1), (1, 1))
        ]

    priced.stop()
    assert run(database_url, work) == [3, 3, 0]
