"""Forecasts of cost, black box: tokens first, then the price of the future day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from conftest import run_cli
from otlp import get, send
from pricing import PATIENT, attributes_of, card, costs, use

DAY = timedelta(days=1)
WEEK = (100, 120, 130, 125, 140, 20, 10)
MILLION = 1_000_000


@pytest.fixture
def receiver(start_receiver):
    return start_receiver(*PATIENT)


def today():
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def day(ahead):
    return (today() + ahead * DAY).date().isoformat()


def history(receiver, days, amount, model="gpt-5", **more):
    """The same usage every day at noon, or what `amount` says of that many days ago."""
    for back in range(1, days + 1):
        quantity = amount(back) if callable(amount) else amount
        when = (today() - back * DAY).strftime("%Y-%m-%dT12:00:00")
        use(receiver, {"output": quantity}, attributes_of("openai", model, **more), when)
    costs(receiver)


def forecast(receiver, **query):
    reply = get(receiver.url + "/api/v1/costs/forecast", **{"from": day(0), "until": day(8), "orgId": "acme", **query})
    assert reply.status == 200, reply.body
    return reply.json


def rest_of_today(found):
    """The share of today that was left."""
    now = datetime.fromisoformat(found["asOf"])
    return Decimal((today() + DAY - now) // timedelta(microseconds=1)) / Decimal(DAY // timedelta(microseconds=1))


def near(text, number):
    return abs(Decimal(text) - number) < Decimal("0.00001")


def test_a_price_that_changes_ahead_is_used_from_its_day_on(receiver):
    card(receiver, "openai", "gpt-5", prices={"output": "10"}, validTo=f"{day(3)}T00:00:00Z")
    card(receiver, "openai", "gpt-5", prices={"output": "5"}, validFrom=f"{day(3)}T00:00:00Z")
    history(receiver, 50, MILLION)
    found = forecast(receiver)
    (row,) = found["rows"]
    assert near(row["total"], 10 * rest_of_today(found) + 2 * 10 + 5 * 5)
    assert (row["currency"], row["errorPercent"], row["backTests"], row["trend"]) == ("USD", "0", 15, None)
    assert row["low"] == row["high"] == row["total"]


def test_a_price_that_halved_in_the_past_is_no_trend_and_no_error(receiver):
    card(receiver, "openai", "gpt-5", prices={"output": "10"}, validTo=f"{day(-10)}T00:00:00Z")
    card(receiver, "openai", "gpt-5", prices={"output": "5"}, validFrom=f"{day(-10)}T00:00:00Z")
    history(receiver, 50, MILLION)
    found = forecast(receiver)
    (row,) = found["rows"]
    assert near(row["total"], 5 * rest_of_today(found) + 7 * 5)
    assert (row["errorPercent"], row["trend"]) == ("0", None)


def test_what_has_no_price_ahead_is_told_as_a_quantity_and_never_as_zero(receiver):
    card(receiver, "openai", "gpt-5", prices={"output": "10"})
    history(receiver, 30, MILLION)
    history(receiver, 30, 7 * MILLION, model="unheard-of")
    found = forecast(receiver, **{"from": day(-1)})
    (row,) = found["rows"]
    assert row["toDate"] == "10"
    (unpriced,) = found["unpriced"]
    assert (unpriced["type"], unpriced["reason"], unpriced["toDate"]) == ("llm.tokens", "unpriced", "7000000")
    assert near(unpriced["remaining"], 7 * MILLION * (7 + rest_of_today(found)))


def test_groups_add_up_to_the_total_to_the_last_digit(receiver):
    card(receiver, "openai", "gpt-5", prices={"output": "3.3333"})
    card(receiver, "openai", "gpt-5-mini", prices={"output": "0.77"})
    history(receiver, 40, lambda back: 1001 * WEEK[back % 7], **{"user.id": "u1"})
    history(receiver, 40, lambda back: 997 * WEEK[-back % 7], model="gpt-5-mini", **{"user.id": "u2"})
    for group_by in ("model", "user", "model,user", "type"):
        found = forecast(receiver, groupBy=group_by, **{"from": day(-5)})
        (total,) = found["totals"]
        for name in ("toDate", "remaining", "total"):
            assert sum(Decimal(row[name]) for row in found["rows"]) == Decimal(total[name])
    assert {row["model"] for row in forecast(receiver, groupBy="model")["rows"]} == {"gpt-5", "gpt-5-mini"}


def test_bytes_have_a_forecast_of_cost_like_tokens(receiver):
    fields = {"metricKey": "bytes", "unit": "By", "price": "0.5", "currency": "EUR", "perUnits": 1000,
              "sourceUrl": "https://example.com", "checkedOn": "2026-11-01"}  # fmt: skip
    assert send("POST", receiver.url + "/api/v1/rates", fields).status == 201
    for back in range(1, 6):
        when = (today() - back * DAY).strftime("%Y-%m-%dT12:00:00")
        use(receiver, {"x": 2000}, {"org.id": "acme"}, when, metric="bytes", unit="By", by="which")
    costs(receiver)
    found = forecast(receiver, type="bytes")
    (row,) = found["rows"]
    assert (row["currency"], row["method"], row["low"]) == ("EUR", "run_rate", None)
    assert near(row["total"], 7 + rest_of_today(found))


def test_the_command_says_what_is_expected_and_what_has_no_price(receiver):
    card(receiver, "openai", "gpt-5", prices={"output": "10"})
    history(receiver, 6, MILLION)
    history(receiver, 6, MILLION, model="unheard-of")
    done = run_cli("forecast", "--cost", "--org", "acme", "--until", day(8), TALLYSTICK_URL=receiver.url)
    assert done.returncode == 0, done.stderr
    for words in ("USD", "fewer than 14 complete days", "without a price (unpriced)", "Completeness unknown"):
        assert words in done.stdout


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"until": day(-1)}, "must be before until"),
        ({"groupBy": "week"}, "week"),
        ({"unknownDays": "x"}, "skip or zero"),
    ],
)
def test_what_cannot_be_forecast_is_refused(receiver, query, words):
    reply = get(receiver.url + "/api/v1/costs/forecast", **{"from": day(0), "until": day(8), **query})
    assert (reply.status, words in reply.json["detail"]) == (400, True), reply.body
