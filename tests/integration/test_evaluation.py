"""Evaluation on a real database: late usage of closed periods, and rounds before, between and after rolling."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import asyncpg
import pytest
from otlp import SECOND, export, export_request, now_ns

from tallystick_receiver.periods import Reset
from tallystick_receiver.store.evaluate import Evaluation
from tallystick_receiver.store.roll import roll
from tallystick_receiver.store.thresholds import write_threshold
from tallystick_receiver.telemetry import Telemetry
from tallystick_receiver.thresholds import Action, Threshold

pytestmark = pytest.mark.editions
NOW = datetime.now(UTC)
THRESHOLD = Threshold(
    id="thr_1", org="acme", metric="api_calls", subject_type="org", subject="acme", amount=Decimal(100),
    reset=Reset.HOURLY, zone="UTC", levels=(50, 80, 100), action=Action.ALERT, emails=(), slack=False,
    created_at=NOW - timedelta(days=2), updated_at=NOW,
)  # fmt: skip
QUIET = ("--roll-seconds", "3600", "--evaluate-seconds", "3600")


def use(receiver, value, end):
    points = [{"name": "api_calls", "unit": "", "value": value, "end": end}]
    assert export(receiver.url, export_request(points)).rejected == 0


def on(url, work):
    async def run():
        connection = await asyncpg.connect(url, server_settings={"timezone": "UTC"})
        try:
            return await work(connection)
        finally:
            await connection.close()

    return asyncio.run(run())


async def told(connection):
    bodies = [json.loads(row["body"]) for row in await connection.fetch("SELECT body FROM event ORDER BY number")]
    return [
        (b["data"]["level"], b["data"]["isClosed"], b["data"]["periodStart"]) for b in bodies if "level" in b["data"]
    ]


def test_late_usage_crosses_levels_of_a_closed_period_once(start_receiver, database_url):
    receiver = start_receiver(*QUIET)
    hour = 3600 * SECOND
    late = now_ns() // hour * hour - 5 * hour
    start = datetime.fromtimestamp(late / SECOND, UTC).isoformat().replace("+00:00", "Z")

    async def work(connection):
        evaluation = Evaluation(Telemetry(), hold_seconds=3600, late=timedelta(days=7))
        async with connection.transaction():
            await write_threshold(connection, THRESHOLD, None)
        await evaluation.round(connection, now_ns())
        use(receiver, 60, late + SECOND)
        await evaluation.round(connection, now_ns())
        assert await told(connection) == [(50, True, start)]
        use(receiver, 40, late + 2 * SECOND)
        await evaluation.round(connection, now_ns())
        assert await evaluation.round(connection, now_ns()) == 0
        return await told(connection)

    assert on(database_url, work) == [(50, True, start), (80, True, start), (100, True, start)]


@pytest.mark.parametrize("seed", range(8))
def test_each_level_is_told_once_however_rolling_and_rounds_and_restarts_fall(start_receiver, database_url, seed):
    receiver = start_receiver(*QUIET)

    async def work(connection):
        evaluation = Evaluation(Telemetry(), hold_seconds=3600, late=timedelta(days=7))
        async with connection.transaction():
            await write_threshold(connection, replace(THRESHOLD, reset=Reset.MONTHLY), None)
        for n in range(10):
            use(receiver, 11, now_ns() - 10 + n)
            step = (seed * 7 + n * (seed + 1)) % 5
            if step in (0, 3):
                await evaluation.round(connection, now_ns())
            if step in (1, 3, 4):
                await roll(connection, Telemetry(), 20_000)
            if step == 2:
                evaluation = Evaluation(Telemetry(), hold_seconds=3600, late=timedelta(days=7))
        await evaluation.round(connection, now_ns())
        return await told(connection)

    assert [level for level, _, _ in on(database_url, work)] == [50, 80, 100]


def test_usage_of_before_the_period_in_which_a_threshold_was_created_does_not_concern_it(start_receiver, database_url):
    receiver = start_receiver(*QUIET)

    async def work(connection):
        evaluation = Evaluation(Telemetry(), hold_seconds=3600, late=timedelta(days=7))
        async with connection.transaction():
            await write_threshold(connection, replace(THRESHOLD, created_at=NOW), None)
        use(receiver, 1000, now_ns() - 7200 * SECOND)
        await evaluation.round(connection, now_ns())
        return await told(connection)

    assert on(database_url, work) == []
