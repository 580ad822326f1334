"""Forecasts of usage, black box: what the rest of a period is expected to bring, and how wrong that was."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from conftest import run_cli
from otlp import export, export_request, get, send
from waiting import wait_until

DAY = timedelta(days=1)
WEEK = (100, 120, 130, 125, 140, 20, 10)


@pytest.fixture
def receiver(start_receiver):
    """One that takes records of the last months."""
    return start_receiver("--late-seconds-max", str(200 * 86400), "--keep-points-days", "300")


def use(receiver, back, quantity, *, metric="api_calls", org="acme", **metadata):
    """A record of that many days ago, at the first moment of that day: today's has passed at any time of day."""
    return {"metricKey": metric, "subjectType": "org", "subjectId": org, "quantity": str(quantity),
            "timestamp": day(-back) + "T00:00:00Z", "metadata": metadata}  # fmt: skip


def store(receiver, records):
    reply = send("POST", receiver.url + "/api/v1/usage/records", records)
    assert reply.json["rejected"] == 0, reply.body


def forecast(receiver, key="", **query):
    reply = get(receiver.url + "/api/v1/usage/forecast", key, **{"orgId": "acme", **query})
    assert reply.status == 200, reply.body
    return reply.json


def day(ahead):
    """The day (UTC) so many days from today."""
    return (datetime.now(UTC).date() + ahead * DAY).isoformat()


def test_a_weekly_pattern_goes_on_and_its_band_has_no_width(receiver):
    store(receiver, [use(receiver, back, WEEK[-back % 7]) for back in range(1, 91)])
    found = forecast(receiver, **{"from": day(0), "until": day(15)})
    (row,) = found["rows"]
    assert (row["method"], row["errorPercent"], row["backTests"], row["trend"]) == ("weekdays", "0", 22, None)
    assert row["toDate"] == "0"
    assert row["total"] == row["low"] == row["high"]
    # Today has nothing yet, and what is left of it is a share of WEEK[0].
    rest = sum(WEEK[ahead % 7] for ahead in range(1, 15))
    assert rest <= Decimal(row["total"]) <= rest + WEEK[0]


def test_ten_days_have_no_band_and_say_so(receiver):
    store(receiver, [use(receiver, back, 10) for back in range(1, 11)])
    (row,) = forecast(receiver, until=day(5))["rows"]
    assert (row["method"], row["low"], row["high"], row["backTests"]) == ("run_rate", None, None, 0)
    assert row["note"] == "fewer than 14 complete days: their mean, and no band"


def test_days_without_usage_are_zero_only_where_somebody_knows_that_they_are(receiver):
    """Nobody announces records: a day without any may have been lost."""
    store(receiver, [use(receiver, back, 10) for back in range(1, 41) if back not in (3, 12)])
    found = forecast(receiver, until=day(5))
    (row,) = found["rows"]
    assert len(found["unknownDays"]) == 2
    zero = forecast(receiver, until=day(5), unknownDays="zero")
    assert (row["days"], zero["rows"][0]["days"]) == (38, 40)
    assert zero["unknownDays"] == []
    assert Decimal(zero["rows"][0]["remaining"]) < Decimal(row["remaining"])


def test_rows_add_up_to_the_total_to_the_last_digit(receiver):
    regions = ("eu", "us", "ap")
    store(receiver, [use(receiver, back, back % 5 + n / 3, region=region)
                     for back in range(50) for n, region in enumerate(regions)])  # fmt: skip
    found = forecast(receiver, until=day(20), groupBy="region")
    assert [row["region"] for row in found["rows"]] == sorted(regions)
    for name in ("toDate", "remaining", "total"):
        assert sum(Decimal(row[name]) for row in found["rows"]) == Decimal(found["totals"][0][name])
    assert Decimal(found["totals"][0]["low"]) <= Decimal(found["totals"][0]["total"])


def test_what_is_there_already_is_counted_as_it_is(receiver):
    store(receiver, [use(receiver, 0, "7.25"), *(use(receiver, back, 10) for back in range(1, 20))])
    (row,) = forecast(receiver, **{"from": day(-2), "until": day(2)})["rows"]
    assert row["toDate"] == "27.25"


def test_levels_are_not_forecast_and_are_named(receiver):
    store(receiver, [use(receiver, 1, 10)])
    attributes = {"org.id": "acme"}
    reply = export(
        receiver.url, export_request([{"name": "disk", "kind": "gauge", "value": 5, "attributes": attributes}])
    )
    assert reply.status == 200
    found = forecast(receiver, until=day(3))
    assert ([row["type"] for row in found["rows"]], found["levels"]) == (["api_calls"], ["disk"])


@pytest.mark.parametrize(
    ("query", "words"),  # a number is a day, that many from the test's
    [
        ({"until": "2020-01-01"}, "from must be before until"),
        ({"from": "2020-01-01", "until": "2020-02-01"}, "until must lie ahead"),
        ({"until": 400}, "more than 366 days ahead"),
        ({"from": 1, "until": 9}, "from must not lie ahead"),
        ({"until": "2040-01-01T12:00:00Z"}, "until must be a day"),
        ({"groupBy": "day"}, "cannot be grouped by day"),
        ({"unknownDays": "maybe"}, "skip or zero"),
        ({"to": "2020-01-01"}, "there is no parameter 'to'"),
    ],
)
def test_what_cannot_be_forecast_is_refused_with_a_sentence(receiver, query, words):
    query = {name: day(said) if isinstance(said, int) else said for name, said in query.items()}
    reply = get(receiver.url + "/api/v1/usage/forecast", **query)
    assert reply.status == 400
    assert words in reply.json["detail"]


def test_a_key_forecasts_its_own_organisation_only(receiver, database_url):
    store(receiver, [use(receiver, back, 10) for back in range(1, 10)])
    store(receiver, [use(receiver, back, 99, org="other") for back in range(1, 10)])
    done = run_cli(
        "keys", "create", "--name", "r", "--scope", "read", "--org", "other", "--json", DATABASE_URL=database_url
    )
    key = json.loads(done.stdout)["key"]
    wait_until(lambda: get(receiver.url + "/api/v1/usage/forecast").status == 401)
    assert get(receiver.url + "/api/v1/usage/forecast", key, orgId="acme").status == 403
    own = get(receiver.url + "/api/v1/usage/forecast", key).json
    assert (own["orgId"], own["totals"][0]["toDate"]) == ("other", str(99 * min(9, datetime.now(UTC).day - 1)))


def test_the_command_prints_a_table_and_json(receiver):
    store(receiver, [use(receiver, back, WEEK[-back % 7]) for back in range(1, 61)])
    table = run_cli("forecast", "--org", "acme", "--until", day(9), TALLYSTICK_URL=receiver.url)
    assert table.returncode == 0, table.stderr
    assert "api_calls" in table.stdout
    assert "weekday means" in table.stdout
    as_json = run_cli("forecast", "--org", "acme", "--until", day(9), "--json", TALLYSTICK_URL=receiver.url)
    assert json.loads(as_json.stdout)["rows"][0]["type"] == "api_calls"
