"""Records of metrics of each type of aggregation, in each period, against a recomputation in plain words."""

import itertools
import json
import random
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from zoneinfo import ZoneInfo

import pytest
from conftest import run_cli
from otlp import SECOND, export, export_request, get, now_ns, post, send, usage
from waiting import wait_until

RECORDS, METRICS, SUMMARY = "/api/v1/usage/records", "/api/v1/metrics", "/api/v1/usage/summary"
PATIENT = ("--late-seconds-max", "1000000000", "--keep-points-days", "0", "--keep-hourly-days", "0")
ZONE = ZoneInfo("Europe/Berlin")
CHANGE = datetime(2026, 10, 25, 1, tzinfo=UTC)
"""Clocks are put back; 02:00 to 03:00 comes twice."""
AGGREGATIONS = ("COUNT", "SUM", "AVG", "MAX", "MIN", "LAST", "UNIQUE")
LEVELS = ("MAX", "MIN", "LAST")
USERS = ("ada", "bob", "cyd")


def define(url, key, aggregation, **more):
    unique = {"uniqueDimension": "user"} if aggregation.upper() == "UNIQUE" else {}
    body = {"key": key, "unit": "GB", "aggregationType": aggregation, "resetPeriod": "MONTHLY", **unique, **more}
    reply = send("POST", url + METRICS, body)
    assert reply.status == 201, reply.body
    return url + reply.headers["Location"]


def record(url, *records):
    return post(url + RECORDS, json.dumps({"records": records}).encode(), "application/json")


def statuses(reply):
    return [result.get("reason", result["status"]) for result in reply.json["results"]]


def level(key, number, quantity, **more):
    return {"id": f"{key}-{number}", "metricKey": key, "subjectType": "org", "subjectId": "acme", "unit": "GB",
            "quantity": quantity, **more}  # fmt: skip


def stamp(time):
    return time.isoformat().replace("+00:00", "Z")


def summary(url, key, **query):
    query = {"subjectType": "org", "subjectId": "acme"} | query
    reply = get(url + SUMMARY, metricKey=key, **query)
    assert reply.status == 200, reply.body
    return reply.json


def facts():
    """(user, time, quantity), many near the change of the clocks, some at one time, some on borders of hours."""
    chance = random.Random(7)
    found = [(chance.choice(USERS), CHANGE + timedelta(seconds=chance.randrange(-90_000, 90_000))) for _ in range(60)]
    found += [(chance.choice(USERS), CHANGE + timedelta(minutes=30 * n)) for n in range(-6, 7)]
    found += [("ada", CHANGE), ("ada", CHANGE), ("bob", CHANGE + timedelta(days=20))]
    return [(user, time, chance.choice([0, 0, 1, 25, 1250]) / Decimal(10)) for user, time in found]


def expected(aggregation, inside):
    """What one aggregation makes of (user, time, quantity), in plain words."""
    quantities = [quantity for _, _, quantity in inside]
    newest = {user: max((time, quantity) for who, time, quantity in inside if who == user) for user, _, _ in inside}
    total = sum(quantities, Decimal(0))
    return {
        "COUNT": Decimal(len(inside)),
        "SUM": total,
        "AVG": Context(prec=38).divide(total, Decimal(len(inside))) if inside else None,
        "MAX": max(quantities, default=None),
        "MIN": min(quantities, default=None),
        "LAST": sum((quantity for _, quantity in newest.values()), Decimal(0)) if inside else None,
        "UNIQUE": Decimal(len({user for user, _, quantity in inside if quantity})),
    }[aggregation]


def windows():
    """(kind, start, end) in Berlin around the change."""
    for n in range(-4, 4):
        start = CHANGE.replace(minute=0) + timedelta(hours=n)
        yield "HOURLY", start, start + timedelta(hours=1)
    days = [datetime(2026, 10, day, tzinfo=ZONE).astimezone(UTC) for day in (24, 25, 26, 27)]
    yield from (("DAILY", *pair) for pair in itertools.pairwise(days))
    months = [datetime(2026, month, 1, tzinfo=ZONE).astimezone(UTC) for month in (9, 10, 11, 12)]
    yield from (("MONTHLY", *pair) for pair in itertools.pairwise(months))
    yield "NEVER", datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("roll", ["0.05", "3600"], ids=["rolled", "waiting"])
def test_every_aggregation_of_records_in_every_period_is_what_a_recomputation_says(start_receiver, roll):
    receivers = [start_receiver(*PATIENT, "--roll-seconds", roll), start_receiver(*PATIENT, "--roll-seconds", roll)]
    url, chance = receivers[0].url, random.Random(3)
    for aggregation in AGGREGATIONS:
        define(url, f"disk.{aggregation}", aggregation)
    stored = {}
    for aggregation in AGGREGATIONS:
        # A level may be negative, too.
        shift = Decimal(-3) if aggregation in LEVELS else Decimal(0)
        stored[aggregation] = [(user, time, quantity + shift) for user, time, quantity in facts()]
    records = [
        {"id": f"{aggregation}-{n}", "metricKey": f"disk.{aggregation}", "subjectType": "user", "subjectId": user,
         "unit": "GB", "quantity": str(quantity), "timestamp": stamp(time), "metadata": {"orgId": "acme"}}
        for aggregation, found in stored.items() for n, (user, time, quantity) in enumerate(found)
    ]  # fmt: skip
    for _ in range(2):
        chance.shuffle(records)
        for first in range(0, len(records), 90):
            reply = record(chance.choice(receivers).url, *records[first : first + 90])
            assert reply.status == 200, reply.body
    seen = set()
    for aggregation, found in stored.items():
        for kind, start, end in windows():
            for user in (None, "ada"):
                inside = [fact for fact in found if start <= fact[1] < end and user in (None, fact[0])]
                query = {"subjectType": "user", "subjectId": user, "orgId": "acme"} if user else {}
                query |= {} if kind == "NEVER" else {"periodStart": stamp(start)}
                answer = summary(url, f"disk.{aggregation}", periodType=kind, tz=ZONE.key, **query)
                case = (aggregation, kind, start, user, answer)
                assert datetime.fromisoformat(answer["periodStart"]) == start, case
                total = answer["totalQuantity"]
                assert (None if total is None else Decimal(total)) == expected(aggregation, inside), case
                assert answer["recordCount"] == len(inside), case
                assert answer["aggregationType"] == aggregation.lower()
                seen.add((aggregation, kind, total))
    assert len(seen) > 60


def test_a_resend_after_the_definition_changed_is_a_duplicate_in_either_direction(start_receiver):
    url = start_receiver().url
    sums = [level("disk", n, n + 1) for n in range(3)]
    assert statuses(record(url, *sums)) == ["accepted"] * 3
    metric = define(url, "disk", "max")  # what came as records may become a level
    assert statuses(record(url, *sums)) == ["duplicate"] * 3
    levels = [level("disk", n, n - 20) for n in range(10, 13)]
    assert statuses(record(url, *levels)) == ["accepted"] * 3
    assert statuses(record(url, level("disk", 10, -11))) == ["conflict"]
    assert send("PATCH", metric, {"aggregationType": "sum"}).status == 200
    assert statuses(record(url, *levels, *sums, level("disk", 20, -1))) == ["duplicate"] * 6 + ["negative"]
    assert statuses(record(url, level("disk", 20, 100))) == ["accepted"]  # what was refused holds no id
    assert summary(url, "disk")["totalQuantity"] == "106"
    assert send("PATCH", metric, {"aggregationType": "min"}).status == 200
    assert summary(url, "disk")["totalQuantity"] == "-10"


def test_of_a_metric_that_came_as_both_each_aggregation_reads_its_own_kind(start_receiver):
    url = start_receiver().url
    assert statuses(record(url, level("disk", 1, 5), level("disk", 2, 7))) == ["accepted"] * 2
    metric, at = define(url, "disk", "max"), stamp(datetime.fromtimestamp(now_ns() / SECOND - 1, UTC))
    assert summary(url, "disk")["totalQuantity"] is None  # no level was ever seen
    assert statuses(record(url, level("disk", 3, 4, timestamp=at), level("disk", 4, 3))) == ["accepted"] * 2
    found = {}
    for aggregation in ("sum", "count", "avg", "max", "min", "last", "unique"):
        unique = {"uniqueDimension": "user"} if aggregation == "unique" else {}
        assert send("PATCH", metric, {"aggregationType": aggregation, **unique}).status == 200
        found[aggregation] = summary(url, "disk")["totalQuantity"]
    assert found == {"sum": "12", "count": "4", "avg": "6", "max": "4", "min": "3", "last": "3", "unique": "0"}
    rows = usage(url, orgId="acme")["rows"]
    assert sorted((row.get("level") is not None, row["quantity"]) for row in rows) == [(False, "12"), (True, "3")]


def test_an_organisations_own_definition_decides_of_its_records(start_receiver):
    url = start_receiver().url
    define(url, "disk", "last")
    own = define(url, "disk", "sum", orgId="globex")
    globex = {"subjectId": "globex"}
    assert statuses(record(url, level("disk", 1, 5), level("disk", 2, 5, **globex))) == ["accepted"] * 2
    assert statuses(record(url, level("disk", 3, 2), level("disk", 4, 2, **globex))) == ["accepted"] * 2
    assert summary(url, "disk")["totalQuantity"] in ("2", "5")
    assert summary(url, "disk", **globex)["totalQuantity"] == "7"
    assert send("DELETE", own).status == 204
    assert statuses(record(url, level("disk", 5, 9, **globex))) == ["accepted"]
    assert summary(url, "disk", **globex)["totalQuantity"] == "9"


def test_records_of_what_only_usage_defined_are_sums(start_receiver):
    """What OTLP brought as a level and nobody defined: else it would depend on who looked before."""
    url = start_receiver().url
    point = {"name": "disk", "unit": "GB", "kind": "gauge", "value": 5, "attributes": {"org.id": "acme"}}
    assert export(url, export_request([point])).rejected == 0
    assert get(url + METRICS).json["metrics"][0]["aggregationType"] == "last"
    assert statuses(record(url, level("disk", 1, 3))) == ["accepted"]
    rows = usage(url, orgId="acme")["rows"]
    assert sorted((row.get("level") is not None, row["quantity"]) for row in rows) == [(False, "3"), (True, "5")]


def test_a_level_lists_no_dimensions_and_otlp_sums_are_no_levels(start_receiver):
    url = start_receiver().url
    body = {"key": "disk", "aggregationType": "max", "dimensions": []}
    refused = send("POST", url + METRICS, body)
    assert (refused.status, "levels" in refused.json["detail"]) == (400, True)
    assert export(url, export_request([{"name": "disk", "unit": "GB"}])).rejected == 0
    refused = send("POST", url + METRICS, {"key": "disk", "aggregationType": "max"})
    assert (refused.status, "levels have last" in refused.json["detail"]) == (400, True)


def test_a_threshold_on_a_recorded_level_rises_and_is_retracted_when_it_falls(start_receiver):
    url = start_receiver("--evaluate-seconds", "0.1").url
    define(url, "disk", "LAST", resetPeriod="NEVER")
    threshold = {"metricKey": "disk", "orgId": "acme", "subjectType": "org", "subjectId": "acme", "threshold": 10}
    assert send("POST", url + "/api/v1/thresholds", threshold).status == 201

    def told(kind):
        return get(url + "/api/v1/events", type=kind).json["events"]

    start = datetime.fromtimestamp(now_ns() / SECOND, UTC) - timedelta(seconds=30)
    assert statuses(record(url, level("disk", 1, 12, timestamp=stamp(start)))) == ["accepted"]
    wait_until(lambda: told("threshold.exceeded"), what="threshold.exceeded")
    assert statuses(record(url, level("disk", 2, 3, timestamp=stamp(start + timedelta(seconds=1))))) == ["accepted"]
    wait_until(lambda: told("threshold.retracted"), what="threshold.retracted")


def test_the_command_line_records_a_level_below_zero(start_receiver):
    url = start_receiver().url
    defined = run_cli("metrics", "define", "balance", "--aggregation", "LAST", "--reset", "NEVER", "--url", url)
    assert defined.returncode == 0, defined.stderr
    done = run_cli("record", "balance", "-12.5", "--org", "acme", "--url", url)
    assert (done.returncode, done.stdout.split()[0]) == (0, "accepted"), done.stderr
    refused = run_cli("record", "calls", "-1", "--org", "acme", "--url", url)
    assert refused.returncode != 0
    assert "less than nothing" in refused.stderr
    shown = run_cli("usage", "summary", "balance", "--org", "acme", "--json", "--url", url)
    assert json.loads(shown.stdout)["totalQuantity"] == "-12.5"
