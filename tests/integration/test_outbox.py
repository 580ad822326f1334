"""The outbox on a real database: who is addressed, what is taken first, what is forgotten."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from tallystick_receiver.deliveries import Kind, State, Verdict
from tallystick_receiver.events import EventType, Recipients, new_event
from tallystick_receiver.store.deliveries import (
    claim_deliveries,
    limit_deliveries,
    note_deliveries,
    read_deliveries,
    resend_delivery,
)
from tallystick_receiver.store.events import drop_events, write_events
from tallystick_receiver.store.webhooks import TooManyWebhooks, create_webhook, delete_webhook, disable_webhook
from tallystick_receiver.webhooks import Webhook, WebhookKind, new_secret

pytestmark = pytest.mark.editions("postgresql")
NOW = datetime(2026, 11, 1, tzinfo=UTC)
ALL = 1000
HTTP = (Kind.WEBHOOK, Kind.SLACK)


def on(url, work):
    async def run():
        connection = await asyncpg.connect(url, server_settings={"timezone": "UTC"})
        try:
            return await work(connection)
        finally:
            await connection.close()

    return asyncio.run(run())


def endpoint(number, *, kind=WebhookKind.WEBHOOK, org=None, types=None, is_enabled=True):
    return Webhook(
        id=number, kind=kind, org=org, url="https://example.com", types=types, description="", is_enabled=is_enabled,
        disabled_because=None, secret=new_secret() if kind is WebhookKind.WEBHOOK else None, old_secret=None,
        old_secret_until=None, created_at=NOW, updated_at=NOW,
    )  # fmt: skip


async def put(connection, *webhooks):
    async with connection.transaction():
        for webhook in webhooks:
            await create_webhook(connection, webhook, most=ALL)


async def happen(connection, count=1, *, org="acme", kind=EventType.THRESHOLD_EXCEEDED, at=NOW, **recipients):
    told = Recipients(**recipients)
    async with connection.transaction():
        await write_events(
            connection, [new_event(kind, org=org, at=at, content={"n": n}, recipients=told) for n in range(count)]
        )


async def claim(connection, *, kinds=HTTP, now=NOW, most=ALL, lane_most=ALL, free=None):
    return await claim_deliveries(
        connection, kinds, now=now, lease_end=now + timedelta(seconds=15), most=most, lane_most=lane_most,
        free=free or {},
    )  # fmt: skip


def test_whom_an_event_tells(database_url):
    async def work(connection):
        slack = WebhookKind.SLACK
        await put(
            connection, endpoint("all"), endpoint("acme", org="acme"), endpoint("other", org="other"),
            endpoint("types", types=("metric.defined",)), endpoint("off", is_enabled=False),
            endpoint("slack", kind=slack, types=()), endpoint("slack-acme", kind=slack, types=(), org="acme"),
            endpoint("slack-other", kind=slack, types=(), org="other"), endpoint("slack-all", kind=slack),
        )  # fmt: skip
        told = []
        for org, kind, recipients in (
            ("acme", EventType.THRESHOLD_EXCEEDED, {}),
            ("acme", EventType.THRESHOLD_EXCEEDED, {"slack": True, "emails": {"a@acme": "acme", "op@x": None}}),
            (None, EventType.METRIC_DEFINED, {}),
        ):
            await happen(connection, org=org, kind=kind, **recipients)
            rows = await connection.fetch("SELECT coalesce(webhook, email) AS whom, org FROM delivery")
            await connection.execute("DELETE FROM delivery")
            told.append({(row["whom"], row["org"]) for row in rows})
        return told

    plain, asked, defined = on(database_url, work)
    always = {("all", None), ("acme", "acme"), ("slack-all", None)}
    assert plain == always
    assert asked == always | {("slack", None), ("slack-acme", "acme"), ("a@acme", "acme"), ("op@x", None)}
    assert defined == always | {("types", None), ("other", "other")}


def test_what_is_taken_takes_turns_and_is_due_again_after_its_lease(database_url):
    async def work(connection):
        await put(connection, endpoint("a"), endpoint("b"), endpoint("c"))
        await happen(connection, 5, emails={"m@x": "acme"})
        first = await claim(connection, most=7, lane_most=3, free={"c": 0})
        assert sorted(a.lane for a in first) == ["a"] * 3 + ["b"] * 3
        assert {(a.attempts, a.webhook.url) for a in first} == {(1, "https://example.com")}
        second = await claim(connection, most=5, lane_most=3)
        assert sorted(a.lane for a in second) == ["a", "a", "b", "c", "c"]
        assert len(await claim(connection, kinds=(Kind.EMAIL,))) == 5
        rest = await claim(connection)
        assert len(rest) == 15 - 6 - 5
        assert await claim(connection) == []
        again = await claim(connection, now=NOW + timedelta(seconds=16))
        assert {a.attempts for a in again} == {2}
        return sorted(a.number for a in again), sorted(a.number for a in [*first, *second, *rest])

    again, before = on(database_url, work)
    assert again == before


def test_what_is_noted_late_changes_nothing(database_url):
    async def work(connection):
        await put(connection, endpoint("a"))
        await happen(connection)
        (one,) = await claim(connection)
        (two,) = await claim(connection, now=NOW + timedelta(seconds=16))
        late = Verdict(number=one.number, attempts=1, state=State.PARKED, due_at=NOW, error="late")
        await note_deliveries(connection, [late], NOW)
        (kept,) = await read_deliveries(connection)
        assert (kept.state, kept.error) == (State.WAITING, None)
        done = Verdict(number=two.number, attempts=2, state=State.DELIVERED, due_at=NOW, error=None)
        await note_deliveries(connection, [done], NOW)
        await note_deliveries(connection, [Verdict(number=two.number, attempts=2, state=State.WAITING, due_at=NOW,
                                                   error="again")], NOW)  # fmt: skip
        (kept,) = await read_deliveries(connection)
        assert (kept.state, kept.error, kept.finished_at) == (State.DELIVERED, None, NOW)
        await resend_delivery(connection, kept.number, NOW + timedelta(days=2))
        (sent,) = await claim(connection, now=NOW + timedelta(days=2))
        return sent.since, sent.attempts

    assert on(database_url, work) == (NOW + timedelta(days=2), 3)


def test_an_endpoint_disabled_while_an_attempt_is_under_way_stays_parked_unless_it_arrived(database_url):
    async def work(connection):
        await put(connection, endpoint("a"))
        await happen(connection, 2)
        one, two = await claim(connection)
        await disable_webhook(connection, "a", "gone", NOW)
        await note_deliveries(
            connection,
            [Verdict(number=one.number, attempts=1, state=State.WAITING, due_at=NOW, error="failed"),
             Verdict(number=two.number, attempts=1, state=State.DELIVERED, due_at=NOW, error=None)],
            NOW,
        )  # fmt: skip
        await happen(connection)
        return [(d.number, d.state) for d in await read_deliveries(connection, limit=ALL)], one.number, two.number

    found, one, two = on(database_url, work)
    assert found == [(two, State.DELIVERED), (one, State.PARKED)]


def test_a_delivery_whose_endpoint_is_deleted_at_that_moment_is_taken_without_one(database_url):
    async def work(connection):
        await put(connection, endpoint("a"))
        await happen(connection)
        await connection.execute("DELETE FROM webhook")
        (orphan,) = await claim(connection)
        assert (orphan.webhook, orphan.lane) == (None, "a")
        await put(connection, endpoint("b"))
        await happen(connection)
        await delete_webhook(connection, "b")
        return [d.webhook for d in await read_deliveries(connection, limit=ALL)]

    assert on(database_url, work) == ["a"]


def test_lanes_are_bounded_and_what_ended_is_forgotten(database_url):
    async def work(connection):
        await put(connection, endpoint("a"), endpoint("b"))
        await happen(connection, 12)
        stock = await limit_deliveries(connection, now=NOW, before=NOW - timedelta(days=30), lane_most=10)
        assert (stock.waiting, stock.parked, stock.parked_now, stock.dropped_now) == (20, 4, 4, 0)
        oldest = await read_deliveries(connection, state=State.PARKED, limit=ALL)
        assert {d.error for d in oldest} == {"more than 10 were waiting"}
        stock = await limit_deliveries(connection, now=NOW, before=NOW, lane_most=1)
        assert (stock.waiting, stock.parked, stock.parked_now, stock.dropped_now) == (2, 2, 18, 20)
        for attempt in await claim(connection):
            done = Verdict(number=attempt.number, attempts=1, state=State.DELIVERED, due_at=NOW, error=None)
            await note_deliveries(connection, [done], NOW)
        stock = await limit_deliveries(connection, now=NOW, before=NOW + timedelta(seconds=1), lane_most=10)
        assert (stock.waiting, stock.parked) == (0, 0)
        await happen(connection, 3)
        await drop_events(connection, NOW + timedelta(seconds=1))
        stock = await limit_deliveries(connection, now=NOW, before=NOW, lane_most=10)
        assert (stock.waiting, stock.dropped_now) == (0, 6)
        return await connection.fetchval("SELECT count(*) FROM delivery")

    assert on(database_url, work) == 0


async def test_endpoints_are_bounded_even_when_created_at_once(database_url):
    async def create(number):
        connection = await asyncpg.connect(database_url)
        try:
            async with connection.transaction():
                await create_webhook(connection, endpoint(number, org="acme"), most=3)
        except TooManyWebhooks:
            return 0
        finally:
            await connection.close()
        return 1

    assert sum(await asyncio.gather(*(create(str(n)) for n in range(8)))) == 3
