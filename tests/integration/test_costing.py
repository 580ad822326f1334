"""Pricing on a real database: in any order of deliveries, rolls and rounds, again and again, open and closed."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import asyncpg
import pytest
from otlp import export, export_request, send
from pricing import PATIENT, SOURCE, at, attributes_of, card

from tallystick_receiver.store.costing import LOCK, Costing
from tallystick_receiver.store.months import ask_to_close
from tallystick_receiver.store.rebuild import rebuild_rollups
from tallystick_receiver.store.roll import roll
from tallystick_receiver.telemetry import Telemetry

pytestmark = pytest.mark.editions
QUIET = (*PATIENT[:6], "--roll-seconds", "3600", "--cost-seconds", "3600")
NOW = datetime.now(UTC)
COSTS = """
    SELECT l.attributes ->> 'user.id', l.attributes ->> 'token.kind', l.source, c.hour, t.state, t.price,
           sum(c.quantity), sum(c.cost), bool_and(c.cost IS NOT DISTINCT FROM c.quantity * t.price)
    FROM usage_cost c JOIN cost_line l USING (org_id, dims_id, part) JOIN cost_tariff t USING (tariff_id)
    GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(c.quantity) <> 0 ORDER BY 1, 2, 3, 4, 5, 6
"""
BY_HOUR = """
    SELECT c.org_id, date_trunc('month', c.hour, 'UTC') AS month, l.group_id, c.tariff_id, c.booking > 0 AS adjusted,
           sum(c.quantity) AS quantity
    FROM usage_cost c JOIN cost_line l USING (org_id, dims_id, part) GROUP BY 1, 2, 3, 4, 5 HAVING sum(c.quantity) <> 0
"""
TOTALS = (
    "SELECT org_id, month, group_id, tariff_id, is_adjustment, quantity FROM usage_cost_monthly WHERE quantity <> 0"
)
BY_USER = """
    SELECT c.org_id, date_trunc('month', c.hour, 'UTC') AS month, l.attributes ->> 'user.id' AS who, l.metric, l.grade,
           t.state, t.currency, c.booking > 0 AS adjusted, sum(c.quantity) AS quantity, sum(c.quantity * t.price),
           sum(c.quantity * t.list_price), sum(c.quantity * t.billed_price)
    FROM usage_cost c JOIN cost_line l USING (org_id, dims_id, part) JOIN cost_tariff t USING (tariff_id)
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
"""
USERS = """
    SELECT org_id, month, attributes ->> 'user.id', metric, grade, state, currency, is_adjustment, sum(quantity),
           sum(cost), sum(list_cost), sum(billed_cost)
    FROM usage_cost_user_monthly GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
"""


@pytest.fixture(autouse=True)
def only_pricer(database_url):
    """A receiver would price as soon as a rate changes, however long its pauses are: here the tests do."""
    with asyncio.Runner() as runner:
        connection = runner.run(asyncpg.connect(database_url))
        runner.run(connection.execute("SELECT pg_advisory_lock($1)", LOCK))
        yield
        runner.run(connection.close())


def on(url, work):
    async def run():
        connection = await asyncpg.connect(url, server_settings={"timezone": "UTC"})
        try:
            return await work(connection)
        finally:
            await connection.close()

    return asyncio.run(run())


def deliveries():
    """Requests whose usage overlaps in hours, users and ways of counting."""
    found = []
    for n in range(14):
        user = {"user.id": f"u{n % 3}"}
        when = at(f"2026-10-{10 + n % 2}T0{n % 4}:10:00") + n * 10**9
        tokens = attributes_of("openai", "gpt-5", **user)
        points = [
            {"name": "llm.tokens", "unit": "{token}", "value": 10 + n, "end": when,
             "attributes": tokens | {"token.kind": kind}}
            for kind in ("input_uncached", "output")
        ]  # fmt: skip
        if n % 3 == 0:
            points = [
                {"name": "gen_ai.client.inference.usage." + name, "unit": "{token}", "value": value, "end": when,
                 "attributes": tokens}
                for name, value in (("input_tokens", 100 + n), ("cache_read.input_tokens", 40))
            ]  # fmt: skip
        found.append(export_request(points, resource={"service.name": f"s{n % 2}", "service.instance.id": str(n)}))
    return found


async def settle(connection, costing):
    while await roll(connection, Telemetry(), 20_000):
        pass
    return await costing.round(connection, NOW)


async def books(connection):
    """What is priced; and that months, and users' months, are the sums of their hours."""
    for totals, by_hour in ((TOTALS, BY_HOUR), (USERS, BY_USER)):
        assert {tuple(row) for row in await connection.fetch(totals)} == {
            tuple(row) for row in await connection.fetch(by_hour)
        }
    rows = [tuple(row) for row in await connection.fetch(COSTS)]
    assert all(row[-1] for row in rows)
    return rows


def played(start_receiver, database_url, seed):
    receiver = start_receiver(*QUIET)
    chance = random.Random(seed)
    requests = deliveries()
    if seed:
        chance.shuffle(requests)
        requests.insert(chance.randrange(len(requests)), requests[0])
    card(receiver, "openai", "gpt-5", prices={"input_uncached": "1.25", "output": "10"})

    async def work(connection):
        costing = Costing(Telemetry(), open_for=timedelta(days=10**4))
        for request in requests:
            assert export(receiver.url, request).status == 200
            if seed and chance.random() < 0.3:
                await roll(connection, Telemetry(), 20_000)
            if seed and chance.random() < 0.3:
                await costing.round(connection, NOW)
            if seed and chance.random() < 0.2:
                costing = Costing(Telemetry(), open_for=timedelta(days=10**4))
        await settle(connection, costing)
        assert await costing.round(connection, NOW) == 0
        return await books(connection)

    return on(database_url, work)


EXPECTED = []


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_deliveries_rolls_and_rounds_changes_nothing(start_receiver, database_url, seed):
    found = played(start_receiver, database_url, seed)
    EXPECTED[:] = EXPECTED or found
    assert found == EXPECTED and len(found) > 10


def test_pricing_again_changes_nothing_and_a_rebuild_neither(start_receiver, database_url):
    receiver = start_receiver(*QUIET)
    card(receiver, "openai", "gpt-5", prices={"input_uncached": "1.25", "output": "10"})
    for request in deliveries():
        export(receiver.url, request)

    async def work(connection):
        costing = Costing(Telemetry(), open_for=timedelta(days=10**4))
        await settle(connection, costing)
        before = await books(connection)
        await connection.execute("INSERT INTO cost_rerate VALUES (NULL, NULL, '(,)', false)")
        assert await costing.round(connection, NOW) == 0
        day = datetime(2026, 10, 10, tzinfo=UTC)
        await rebuild_rollups(connection, start=day, end=day + timedelta(days=2))
        assert await costing.round(connection, NOW) == 0
        assert await books(connection) == before
        return before

    assert on(database_url, work)


def test_a_rate_that_was_right_again_gives_the_same_cost_as_before(start_receiver, database_url):
    receiver = start_receiver(*QUIET)
    card(receiver, "openai", "gpt-5", prices={"input_uncached": "1.25", "output": "10"})
    for request in deliveries():
        export(receiver.url, request)

    async def work(connection):
        costing = Costing(Telemetry(), open_for=timedelta(days=10**4))
        await settle(connection, costing)
        before = await books(connection)
        for price in ("20", "10"):
            card(receiver, "openai", "gpt-5", prices={"output": price}, replace=True)
            assert await costing.round(connection, NOW)
        found = await books(connection)
        assert [row[6:8] for row in found] == [row[6:8] for row in before]

    on(database_url, work)


def test_a_month_is_not_closed_before_what_is_stored_of_it_is_priced(start_receiver, database_url):
    receiver = start_receiver(*QUIET)
    card(receiver, "openai", "gpt-5", prices={"input_uncached": "1.25", "output": "10"})
    first, *others = deliveries()
    export(receiver.url, first)
    month = datetime(2026, 10, 1, tzinfo=UTC)

    async def state(connection):
        return await connection.fetchval("SELECT closed_at IS NOT NULL FROM cost_month WHERE month = $1", month)

    async def work(connection):
        costing = Costing(Telemetry(), open_for=timedelta(days=10**4))
        await settle(connection, costing)
        await ask_to_close(connection, month, NOW)
        for request in others:
            export(receiver.url, request)
        await costing.round(connection, NOW)
        assert not await state(connection), "deltas wait to be rolled up"
        await settle(connection, costing)
        assert await state(connection)
        assert await connection.fetchval("SELECT count(*) FROM usage_cost WHERE booking > 0") == 0
        return await books(connection)

    assert on(database_url, work)


def test_a_month_closes_by_itself_when_it_was_over_for_long_enough(start_receiver, database_url):
    receiver = start_receiver(*QUIET)
    export(receiver.url, deliveries()[1])
    month = datetime(2026, 10, 1, tzinfo=UTC)

    async def work(connection):
        costing = Costing(Telemetry(), open_for=timedelta(days=14))
        await roll(connection, Telemetry(), 20_000)
        await costing.round(connection, NOW)
        assert await connection.fetchval("SELECT closed_at FROM cost_month WHERE month = $1", month) is None
        await costing.round(connection, NOW + timedelta(days=15))
        assert await connection.fetchval("SELECT closed_at FROM cost_month WHERE month = $1", month) is not None

    on(database_url, work)


def test_a_new_dimension_in_a_rate_finds_the_usage_that_was_priced_before(start_receiver, database_url):
    receiver = start_receiver(*QUIET)
    body = {**SOURCE, "metricKey": "bytes.out", "unit": "By", "price": "1"}
    assert send("POST", receiver.url + "/api/v1/rates", body).status == 201
    points = [
        {"name": "bytes.out", "unit": "By", "value": 5, "end": at("2026-10-10T00:10:00"),
         "attributes": {"org.id": "acme", "region": region}}
        for region in ("eu", "us")
    ]  # fmt: skip
    export(receiver.url, export_request(points))

    async def work(connection):
        costing = Costing(Telemetry(), open_for=timedelta(days=10**4))
        await settle(connection, costing)
        assert (
            send("POST", receiver.url + "/api/v1/rates", body | {"price": "3", "selector": {"region": "us"}}).status
            == 201
        )
        await costing.round(connection, NOW)
        await books(connection)
        return await connection.fetchval("SELECT sum(cost) FROM usage_cost")

    assert on(database_url, work) == Decimal(20)
