"""A balance is what was booked less what was used, whatever the order, the repetitions, the receivers and the kills."""

from __future__ import annotations

import contextlib
import http.client
import random
import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from otlp import get, send
from pricing import PATIENT, attributes_of, card, costs, use
from waiting import wait_until

PATH = "/api/v1/balances"
SUBJECT = {"orgId": "acme", "subjectType": "user", "subjectId": "u1"}
CREDITS = 1000
REFILL, REFILLS = Decimal("0.75"), 11
LAST_PRICE = Decimal("2.5")


class Play:
    """Two receivers, and what a balance must be in the end."""

    def __init__(self, receivers, seed):
        self.receivers = receivers
        self.random = random.Random(seed)
        self.booked = Decimal(0)
        self.tokens = 0

    def anybody(self):
        return self.random.choice(self.receivers)

    def book(self, key, amount, times):
        kind = "grant" if amount > 0 else "adjust"
        body = {**SUBJECT, "kind": kind, "amount": str(amount), "idempotencyKey": key}
        for _ in range(times):
            assert send("POST", f"{self.anybody().url}{PATH}/entries", body).status in (200, 201)
        self.booked += amount

    def book_and_kill(self, key, amount):
        """Nobody knows whether the dying one booked it, so it is sent again."""
        dying = self.anybody()
        body = {**SUBJECT, "kind": "grant", "amount": str(amount), "idempotencyKey": key}

        def ask():
            with contextlib.suppress(OSError, http.client.HTTPException):  # it died first
                send("POST", f"{dying.url}{PATH}/entries", body)

        thread = threading.Thread(target=ask)
        thread.start()
        dying.kill()
        thread.join()
        dying.start()
        self.book(key, amount, 1)

    def use(self, number, quantity, times):
        when = (datetime(2026, 11, 1, tzinfo=UTC) + timedelta(hours=7 * number)).strftime("%Y-%m-%dT%H:%M:%S")
        for _ in range(times):
            use(self.anybody(), {"output": quantity}, attributes_of("openai", "gpt-5") | {"user.id": "u1"}, when)
        self.tokens += quantity

    def price(self, before, price):
        for rate in before:
            assert send("POST", f"{self.anybody().url}/api/v1/rates/{rate}/void").status == 200
        return card(self.anybody(), "openai", "gpt-5", prices={"output": str(price)})


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_balance_is_what_was_booked_less_what_was_used(start_receiver, seed):
    settings = (*PATIENT, "--refill-seconds", "0.02")
    play = Play([start_receiver(*settings), start_receiver(*settings)], seed)
    opened = {**SUBJECT, "creditsPerUnit": CREDITS, "openedAt": "2026-11-01T00:00:00Z"}
    assert send("POST", play.anybody().url + PATH, opened).status == 201
    rates = play.price([], Decimal(40))
    steps = [lambda n=n: play.book(f"k{n}", Decimal(play.random.randrange(-900, 900) * 2 + 1) / 8, 1 + n % 3)
             for n in range(9)]  # fmt: skip
    steps += [lambda n=n: play.use(n, play.random.randrange(1, 10**6), 1 + n % 3) for n in range(9)]
    steps += [lambda n=n: play.book_and_kill(f"dying{n}", Decimal("3.125")) for n in range(2)]
    steps += [lambda: send("POST", f"{play.anybody().url}{PATH}/refills", {
        **SUBJECT, "amount": str(REFILL), "unit": "hour",
        "startsAt": (datetime.now(UTC) - timedelta(hours=REFILLS - 1, minutes=5)).isoformat(),
        "endsAt": (datetime.now(UTC) + timedelta(minutes=10)).isoformat(),
    })]  # fmt: skip
    play.random.shuffle(steps)
    for number, step in enumerate(steps):
        step()
        if number == len(steps) // 2:
            rates = play.price(rates, Decimal(7))
    play.price(rates, LAST_PRICE)
    costs(play.anybody())
    wait_until(lambda: balance(play)["refilled"] == str(REFILL * REFILLS), what="all refills")
    spent = play.tokens * LAST_PRICE / 10**6 * CREDITS
    for found in (balance(play), balance(play)):
        assert Decimal(found["spent"]) == spent
        assert Decimal(found["balance"]) == play.booked + REFILL * REFILLS - spent


def balance(play):
    [found] = get(play.anybody().url + PATH, orgId="acme").json["balances"]
    return found
