"""Cost is quantity times rate to the last digit, whoever is killed, whatever comes late, however rates change."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime
from decimal import Context, Decimal, localcontext
from threading import Event

import asyncpg
import pytest
from conftest import run_cli
from otlp import get, send
from pricing import PATIENT, attributes_of, card, costs, use
from waiting import wait_until

KINDS = ("input_uncached", "output")
FIRST = {"input_uncached": "1.25", "output": "10.0000001"}
STEPS, KILLED = 70, 10
MOMENT_MAX = 0.12
"""Seconds, about two rounds of pricing: a kill may come before, within or after one."""

POINTS = """
    SELECT date_trunc('hour', t.ts, 'UTC'), n.attributes ->> 'user.id', n.attributes ->> 'token.kind',
           sum(t.mantissa * power(10::numeric, t.exponent))
    FROM usage_point t
    JOIN usage_series s ON s.org_id = t.org_id AND s.series_id = t.series_id
    JOIN usage_dims n ON n.org_id = s.org_id AND n.dims_id = s.dims_id
    GROUP BY 1, 2, 3
"""
RATES = """
    SELECT lower(valid), upper(valid), selector ->> 'token.kind', price, per_units
    FROM rate WHERE voided_at IS NULL
"""
COSTS = """
    SELECT c.hour, l.attributes ->> 'user.id', l.attributes ->> 'token.kind', sum(c.quantity), sum(c.cost)
    FROM usage_cost c JOIN cost_line l USING (org_id, dims_id, part)
    GROUP BY 1, 2, 3
"""
CHARGED = "SELECT * FROM usage_cost WHERE booking = 0 AND hour < '2026-10-01Z' ORDER BY org_id, hour, dims_id, part"


def fetch(url, *statements):
    async def run():
        connection = await asyncpg.connect(url, server_settings={"timezone": "UTC"})
        try:
            return [[tuple(row) for row in await connection.fetch(statement)] for statement in statements]
        finally:
            await connection.close()

    return asyncio.run(run())


def recomputed(points, rates):
    """What every hour, user and kind must cost: September as it was closed, October by the rates that count now."""
    october = datetime(2026, 10, 1, tzinfo=UTC)
    expected = {}
    for hour, user, kind, quantity in points:
        price = Decimal(FIRST[kind]) / 10**6
        if hour >= october:
            [price] = [
                amount / per_units for lower, upper, of_kind, amount, per_units in rates
                if of_kind == kind and (lower is None or lower <= hour) and (upper is None or hour < upper)
            ]  # fmt: skip
        expected[hour, user, kind] = (quantity, quantity * price)
    return expected


class Play:
    """Two receivers, one of which prices, and a dice."""

    def __init__(self, receivers, seed):
        self.receivers = receivers
        self.random = random.Random(seed)
        self.sent = 0

    def use(self):
        """Usage of any hour of both months, a second of its own each."""
        self.sent += 1
        minute, second = divmod(self.sent, 60)
        month, day, hour = self.random.choice(("09", "10")), self.random.randrange(10, 13), self.random.randrange(24)
        when = f"2026-{month}-{day}T{hour:02}:{minute:02}:{second:02}"
        user = attributes_of("openai", "gpt-5", **{"user.id": f"u{self.random.randrange(3)}"})
        use(self.random.choice(self.receivers), {kind: self.random.randrange(1, 10**9) for kind in KINDS}, user, when)

    def change_rates(self):
        """From an hour of October on, or for all time."""
        price = Decimal(self.random.randrange(1, 10**8)).scaleb(-7)
        since = f"2026-10-{self.random.randrange(9, 14):02}T{self.random.randrange(24):02}:00:00Z"
        valid = {"validFrom": since} if self.random.random() < 0.7 else {}
        card(self.random.choice(self.receivers), "openai", "gpt-5", prices={self.random.choice(KINDS): str(price)},
             replace=True, **valid)  # fmt: skip

    def kill(self):
        """At any moment: nothing to wait for."""
        dying = self.random.choice(self.receivers)
        Event().wait(self.random.random() * MOMENT_MAX)
        dying.kill()
        dying.start()


@pytest.mark.editions
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [3, 19])
def test_costs_are_exact_after_kills_late_usage_and_changed_rates(start_receiver, database_url, seed):
    receivers = [start_receiver(*PATIENT), start_receiver(*PATIENT)]
    play = Play(receivers, seed)
    card(receivers[0], "openai", "gpt-5", prices=FIRST)
    for _ in range(STEPS // 3):
        play.use()
    costs(receivers[0])
    assert send("POST", receivers[1].url + "/api/v1/costs/months/2026-09/close").status == 202
    months = receivers[0].url + "/api/v1/costs/months"
    wait_until(lambda: "closed" in {month["state"] for month in get(months).json["months"]})
    [charged] = fetch(database_url, CHARGED)
    kills = set(play.random.sample(range(STEPS), KILLED))
    for step in range(STEPS):
        play.use()
        if play.random.random() < 0.3:
            play.change_rates()
        if step in kills:
            play.kill()
    with localcontext(Context(prec=200)):
        total = costs(receivers[0])["totals"]
        points, rates, found, still = fetch(database_url, POINTS, RATES, COSTS, CHARGED)
        expected = recomputed(points, rates)
        assert {tuple(key): (quantity, cost) for *key, quantity, cost in found} == expected
        assert [one["cost"] for one in total] == [format(sum(cost for _, cost in expected.values()).normalize(), "f")]
    assert charged and still == charged
    done = run_cli("verify", "--database-url", database_url)
    assert (done.returncode, "the books agree" in done.stdout) == (0, True), done.stdout
