"""`tallystick verify` finds costs that are not quantity times price, and `tallystick rebuild` mends them."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from books import rebuild, verify
from conftest import sql
from otlp import get, send
from pricing import PATIENT, attributes_of, card, costs, rate, use
from waiting import wait_until

from tallystick_receiver.store.migrate import migrate

USER = attributes_of("openai", "gpt-5", **{"user.id": "u1", "gen_ai.conversation.id": "c1"})
CHANGES = {
    "quantity": ("UPDATE usage_cost SET quantity = quantity + 1, cost = cost * (quantity + 1) / quantity WHERE {one}",
                 {"costs", "cost_months"}),
    "amount": ("UPDATE usage_cost SET cost = cost + 0.000000000001 WHERE {one}", {"amounts"}),
    "lost amount": ("UPDATE usage_cost SET cost = NULL WHERE {one}", {"amounts"}),
    "lost row": ("DELETE FROM usage_cost WHERE {one}", {"costs", "cost_months"}),
    "row of nothing": ((
        "INSERT INTO usage_cost SELECT org_id, hour - interval '1 hour', dims_id, part, 0, tariff_id, quantity, cost"
        " FROM usage_cost WHERE {one}"), {"costs", "cost_months"}),
    "total": ("UPDATE usage_cost_monthly SET quantity = quantity + 1 WHERE {one}", {"cost_months", "cost_users"}),
    "lost total": ("DELETE FROM usage_cost_monthly WHERE {one}", {"cost_months", "cost_users"}),
    "user": ("UPDATE usage_cost_user_monthly SET quantity = quantity + 1 WHERE {one}", {"cost_users"}),
    "amount of a user": ("UPDATE usage_cost_user_monthly SET list_cost = list_cost + 1 WHERE {one}", {"cost_users"}),
    "lost user": ("DELETE FROM usage_cost_user_monthly WHERE {one}", {"cost_users"}),
}  # fmt: skip


@pytest.fixture
def priced(start_receiver):
    """Tokens and bytes with a price, tokens without one, of an open month and of a closed one with an adjustment."""
    receiver = start_receiver(*PATIENT)
    card(receiver, "openai", "gpt-5", prices={"input_uncached": "1.25", "output": "10"})
    rate(receiver, metricKey="net.bytes", unit="By", price="0.09", perUnits="1000000007", validFrom="2026-09-01")
    for month in ("2026-09", "2026-10"):
        for day in ("02", "03"):
            use(receiver, {"input_uncached": 1003, "output": 7, "audio": 5}, USER, f"{month}-{day}T10:00:00")
            use(receiver, {"eu": 10**9}, {"org.id": "acme"}, f"{month}-{day}T10:00:00", metric="net.bytes", unit="By",
                by="region")  # fmt: skip
    costs(receiver)
    assert send("POST", receiver.url + "/api/v1/costs/months/2026-09/close").status == 202
    wait_until(lambda: "closed" in {m["state"] for m in get(receiver.url + "/api/v1/costs/months").json["months"]})
    use(receiver, {"output": 11}, USER, "2026-09-02T10:30:00")
    costs(receiver)
    return receiver


def answers(receiver):
    found = [costs(receiver, groupBy=groups)["rows"] for groups in ("month,kind", "conversation,type", "day", "user")]
    assert all(found)
    return found


@pytest.mark.editions
def test_costs_agree_with_usage_and_prices_of_open_and_of_closed_months(priced, database_url):
    found = verify(database_url)
    assert (found.count, found.differences) == (0, [])
    assert found.compared["costs"] == found.compared["amounts"] > 30
    assert found.compared["cost_months"] == found.compared["cost_users"] >= 1


@pytest.mark.parametrize("month", ["2026-09", "2026-10"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_cost_changed_by_hand_is_found_and_mended_by_rebuild(priced, database_url, change, month):
    before = answers(priced)
    statement, checks = CHANGES[change]
    table, time = ("usage_cost_monthly", "month") if "monthly" in statement else ("usage_cost", "hour")
    if "user_monthly" in statement:
        table, tariff = "usage_cost_user_monthly", ""
    else:
        tariff = "JOIN cost_tariff USING (tariff_id)"
    one = (f"ctid = (SELECT min(x.ctid) FROM {table} x {tariff}"
           f" WHERE date_trunc('month', {time}, 'UTC') = '{month}-01Z' AND state = 'priced')")  # fmt: skip
    sql(database_url, statement.format(one=one))
    window = {"start": datetime(2026, 9, 1, tzinfo=UTC), "end": datetime(2026, 11, 1, tzinfo=UTC)}
    found = verify(database_url, **window)
    assert {difference.check for difference in found.differences} == checks
    assert all(difference.org == "acme" for difference in found.differences)
    assert verify(database_url, org="globex", **window).count == 0
    rebuild(database_url, **window)
    after = answers(priced)
    assert verify(database_url, **window).count == 0
    assert after == before


def test_a_database_from_before_there_were_totals_by_user_gets_them(priced, database_url):
    priced.stop()
    users = "SELECT * FROM usage_cost_user_monthly ORDER BY user_id, month, state, currency, is_adjustment"

    async def again():
        connection = await asyncpg.connect(database_url)
        before = await connection.fetch(users)
        await connection.execute(
            """
            DROP TABLE usage_cost_user_monthly;
            ALTER TABLE cost_group DROP COLUMN user_id;
            DROP FUNCTION cost_user;
            DELETE FROM schema_migration WHERE name = 'total_costs_by_user'
            """
        )
        assert [m.name for m in await migrate(connection)] == ["total_costs_by_user"]
        after = await connection.fetch(users)
        await connection.close()
        return before, after

    before, after = asyncio.run(again())
    assert before == after and len(after) > 5
    assert verify(database_url).count == 0


def test_rebuilding_while_usage_is_priced_leaves_books_that_agree(priced, database_url):
    window = {"start": datetime(2026, 10, 1, tzinfo=UTC), "end": datetime(2026, 10, 4, tzinfo=UTC)}
    for n in range(6):
        card(priced, "openai", "gpt-5", prices={"output": str(11 + n)}, replace=True)
        use(priced, {"output": 3}, USER, "2026-10-02T10:45:00")
        rebuild(database_url, **window)
        assert verify(database_url, **window).count == 0
    costs(priced)
    assert verify(database_url).count == 0


def test_what_usage_cost_that_is_not_kept_any_more_stays_when_rates_change(priced, database_url):
    before = costs(priced, groupBy="month")["rows"]

    async def drop():
        connection = await asyncpg.connect(database_url)
        horizon = datetime(2026, 10, 1, tzinfo=UTC) + timedelta(days=31)
        dropped = "UPDATE usage_retention SET dropped_before = $1 WHERE relation = 'usage_quarter_hourly'"
        await connection.execute(dropped, horizon)
        await connection.execute("DELETE FROM usage_quarter_hourly WHERE quarter < $1", horizon)
        await connection.close()

    asyncio.run(drop())
    card(priced, "openai", "gpt-5", prices={"output": "99"}, replace=True)
    assert costs(priced, groupBy="month")["rows"] == before
