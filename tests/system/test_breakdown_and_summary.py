"""The two calls that other meters' clients speak, black box, against usage that is known to the last unit."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import jsonschema
import pytest
from conftest import run_cli
from otlp import SECOND, export, export_request, get, usage

pytestmark = pytest.mark.editions("postgresql")
BREAKDOWN, SUMMARY = "/api/v1/usage/breakdown", "/api/v1/usage/summary"
PATIENT = ("--late-seconds-max", "1000000000", "--ahead-seconds-max", "1000000000", "--keep-points-days", "0",
           "--roll-seconds", "0.05")  # fmt: skip


def at(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


NOON = at("2026-10-20T12:00:00")
OCTOBER = {"since": "2026-10-01", "until": "2026-11-01"}


def point(name, unit, value, end=NOON, org="acme", kind="sum", **more):
    count = more.pop("count", 1)
    attributes = {"org.id": org, "project.id": "web", **{key.replace("_", "."): text for key, text in more.items()}}
    return {
        "name": name,
        "unit": unit,
        "value": value,
        "end": end,
        "kind": kind,
        "count": count,
        "attributes": attributes,
    }


def service(name):
    return {"service.name": name, "service.instance.id": name + "-1"} if name else {"service.instance.id": "nameless"}


@pytest.fixture
def filled(start_receiver):
    """Three services of acme, one without a name, and one of globex."""
    receiver = start_receiver(*PATIENT)
    for name, points in {
        "payment": [point("logs.bytes", "By", 2**63 - 1), point("logs.bytes", "By", 5, NOON + SECOND),
                    point("logs.events", "{event}", 1000), point("disk", "By", 777, kind="gauge")],
        "users": [point("request.size", "By", 300, kind="histogram", count=7), point("busy", "s", 12.5),
                  point("latency", "ms", 99.5, kind="exponential_histogram", count=11),
                  point("tokens", "{token}", 5000)],
        "batch": [point("jobs", "1", 3), point("nothing.said", "", 40), point("logs.bytes", "By", 0.4)],
        "": [point("logs.bytes", "By", 300), point("logs.events", "{event}", 2)],
        "other": [point("logs.bytes", "By", 10**6, org="globex"), point("logs.events", "{event}", 9, org="globex")],
    }.items():  # fmt: skip
        assert export(receiver.url, export_request(points, resource=service(name))).rejected == 0
    return receiver


def test_a_breakdown_has_exactly_the_documented_shape_with_integers_digit_for_digit(filled):
    reply = get(filled.url + BREAKDOWN, since="2026-10-01T00:00:00Z", until="2026-11-01T00:00:00Z",
                group_by="service_id", orgId="acme")  # fmt: skip
    assert reply.json == {
        "period": {"start": "2026-10-01T00:00:00Z", "end": "2026-11-01T00:00:00Z"},
        "breakdown": [
            {"service_id": "payment", "events": 1000, "bytes": 2**63 + 4},
            {"service_id": "users", "events": 18, "bytes": 300},
            {"service_id": None, "events": 2, "bytes": 300},
            {"service_id": "batch", "events": 3, "bytes": 0},
        ],
        "total_events": 1023,
        "total_bytes": 2**63 + 604,
    }
    assert b'"total_bytes":9223372036854776412' in reply.body
    jsonschema.validate(reply.json, schema_of(filled, "Breakdown"))


def schema_of(receiver, name):
    description = get(receiver.url + "/openapi.json").json
    return {"$ref": f"#/components/schemas/{name}", "components": description["components"]}


@pytest.mark.parametrize(
    ("group_by", "expected"),
    [
        ("org", [("acme", 1023, 2**63 + 604), ("globex", 9, 10**6)]),
        ("project", [("web", 1032, 2**63 + 1_000_604)]),
        ("day", [("2026-10-20", 1032, 2**63 + 1_000_604)]),
        ("region", [(None, 1032, 2**63 + 1_000_604)]),
        ("type", [("logs.bytes", 0, 2**63 + 1_000_304), ("request.size", 7, 300), ("jobs", 3, 0), ("latency", 11, 0),
                  ("logs.events", 1011, 0)]),
    ],
)  # fmt: skip
def test_a_breakdown_goes_by_any_group(filled, group_by, expected):
    found = get(filled.url + BREAKDOWN, group_by=group_by, **OCTOBER).json["breakdown"]
    rows = [(row[group_by], row["events"], row["bytes"]) for row in found]
    assert rows == expected


def test_pages_of_a_breakdown_are_the_whole_of_it_and_say_the_whole_totals(filled):
    whole = get(filled.url + BREAKDOWN, **OCTOBER).json
    rows, query = [], {"limit": "2", **OCTOBER}
    while True:
        page = get(filled.url + BREAKDOWN, **query).json
        assert (page["total_events"], page["total_bytes"]) == (whole["total_events"], whole["total_bytes"])
        rows += page["breakdown"]
        if "next_cursor" not in page:
            break
        assert len(page["breakdown"]) == 2
        query["cursor"] = page["next_cursor"]
    assert rows == whole["breakdown"]
    assert get(filled.url + BREAKDOWN, cursor=query["cursor"], group_by="org", **OCTOBER).status == 400


def test_pages_of_usage_are_the_whole_of_it(filled):
    window = {"from_": "2026-10-01", "to": "2026-11-01", "groupBy": "service.name,type"}
    whole = usage(filled.url, **window)
    rows, query = [], {"limit": "3", **window}
    while True:
        page = usage(filled.url, **query)
        assert page["totals"] == whole["totals"]
        rows += page["rows"]
        if "nextCursor" not in page:
            break
        query["cursor"] = page["nextCursor"]
    assert rows == whole["rows"]
    assert len(rows) == 14


def summary(receiver, **query):
    reply = get(receiver.url + SUMMARY, **query)
    assert reply.status == 200, reply.body
    jsonschema.validate(reply.json, schema_of(receiver, "Summary"))
    return reply.json


def test_a_summary_has_the_documented_shape(filled):
    found = summary(filled, metricKey="logs.bytes", subjectType="org", subjectId="acme", periodType="MONTHLY",
                    periodStart="2026-10-01T00:00:00Z")  # fmt: skip
    completeness = found.pop("completeness")
    assert found == {
        "metricKey": "logs.bytes", "subjectType": "org", "subjectId": "acme", "periodType": "monthly",
        "periodStart": "2026-10-01T00:00:00Z", "periodEnd": "2026-11-01T00:00:00Z",
        "totalQuantity": "9223372036854776112.4", "recordCount": 4, "unit": "By", "aggregationType": "sum",
    }  # fmt: skip
    assert completeness["state"] == "unknown"


def test_a_summary_of_a_level_is_its_last_sample_and_of_a_histogram_its_sum_and_operations(filled):
    asked = {"subjectType": "org", "subjectId": "acme", "periodType": "daily", "periodStart": "2026-10-20"}
    disk = summary(filled, metricKey="disk", **asked)
    assert (disk["totalQuantity"], disk["recordCount"], disk["aggregationType"]) == ("777", 1, "last")
    size = summary(filled, metricKey="request.size", **asked)
    assert (size["totalQuantity"], size["recordCount"], size["aggregationType"]) == ("300", 7, "sum")
    held = summary(filled, metricKey="disk", **{**asked, "periodType": "hourly", "periodStart": "2026-10-20T12:30:00Z"})
    assert (held["totalQuantity"], held["recordCount"]) == (None, 0)


@pytest.mark.parametrize(
    "query", [{"metricKey": "no.such.metric", "subjectType": "org", "subjectId": "acme"},
              {"metricKey": "logs.bytes", "subjectType": "org", "subjectId": "nobody"},
              {"metricKey": "logs.bytes", "subjectType": "user", "subjectId": "nobody"}],
)  # fmt: skip
def test_what_is_unknown_is_the_same_as_what_is_empty(filled, query):
    found = summary(filled, periodType="monthly", periodStart="2026-10-05", **query)
    assert (found["totalQuantity"], found["recordCount"]) == ("0", 0)


def test_pages_lose_no_row_where_projects_of_several_organisations_bear_one_name(start_receiver):
    receiver = start_receiver(*PATIENT)
    points = [point("calls", "{call}", 5, org=f"org-{n}") for n in range(5)]
    assert export(receiver.url, export_request(points)).rejected == 0
    window = {"from_": "2026-10-01", "to": "2026-11-01", "groupBy": "project", "limit": "2"}
    pages = [usage(receiver.url, **window)]
    while "nextCursor" in pages[-1]:
        pages.append(usage(receiver.url, cursor=pages[-1]["nextCursor"], **window))
    assert [len(page["rows"]) for page in pages] == [2, 2, 1]


def test_subjects_are_organisations_projects_users_and_any_dimension(start_receiver):
    receiver = start_receiver(*PATIENT)
    points = [
        point("calls", "{call}", 1, user_id="u1", region="eu"), point("calls", "{call}", 2, user_id="u2", region="eu"),
        point("calls", "{call}", 4, user_id="u1", region="us"), point("calls", "{call}", 8, org="globex", user_id="u1"),
    ]  # fmt: skip
    assert export(receiver.url, export_request(points)).rejected == 0
    window = {"from_": "2026-10-20", "to": "2026-10-21"}
    period = {"metricKey": "calls", "periodType": "daily", "periodStart": "2026-10-20T23:59:59Z"}
    for subject, expected in (
        ({}, "15"), ({"subjectType": "org", "subjectId": "acme"}, "7"),
        ({"subjectType": "user", "subjectId": "u1"}, "13"),
        ({"subjectType": "user", "subjectId": "u1", "orgId": "acme"}, "5"),
        ({"subjectType": "project", "subjectId": "web", "orgId": "globex"}, "8"),
        ({"subjectType": "region", "subjectId": "eu"}, "3"),
        ({"subjectType": "service.name", "subjectId": "test", "attr.region": "us"}, "4"),
    ):  # fmt: skip
        assert summary(receiver, **period, **subject)["totalQuantity"] == expected
        assert [row["quantity"] for row in usage(receiver.url, **window, **subject)["totals"]] == [expected]


def test_summaries_across_the_autumn_change_in_berlin_equal_an_independent_sum_in_sql(start_receiver, database_url):
    """Three days around 2026-10-25, when 02:00 to 03:00 comes twice; a point each seven minutes."""
    receiver = start_receiver(*PATIENT)
    begin, minutes = at("2026-10-23T22:00:00"), range(7, 73 * 60, 7)
    points = [point("calls", "{call}", n, begin + n * 60 * SECOND, n=str(n % 3)) for n in minutes]
    assert export(receiver.url, export_request(points)).rejected == 0

    def in_sql(start, end):
        text = f"""SELECT coalesce(sum(mantissa), 0) || ' ' || count(*) FROM usage_point
                   WHERE usage_end_ns(ts, end_rest) > {start} AND usage_end_ns(ts, end_rest) <= {end}"""
        return fetched(database_url, text).split()

    for kind, starts, hours in (
        ("daily", ["2026-10-24", "2026-10-25", "2026-10-26"], [24, 25, 24]),
        ("monthly", ["2026-10-01"], [31 * 24 + 1]),
        ("hourly", ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:59:00+01:00"], [1, 1, 1]),
    ):
        for text, hours_long in zip(starts, hours, strict=True):
            found = summary(receiver, metricKey="calls", periodType=kind, periodStart=text, tz="Europe/Berlin")
            start, end = (datetime.fromisoformat(found[name]) for name in ("periodStart", "periodEnd"))
            assert (end - start).total_seconds() == hours_long * 3600
            exact = in_sql(*(int(time.timestamp()) * SECOND for time in (start, end)))
            assert [found["totalQuantity"], str(found["recordCount"])] == exact
    days = [summary(receiver, metricKey="calls", periodType="daily", periodStart=day, tz="Europe/Berlin")
            for day in ("2026-10-24", "2026-10-25", "2026-10-26")]  # fmt: skip
    assert sum(Decimal(day["totalQuantity"]) for day in days) == sum(minutes[:-1]) + minutes[-1]


def fetched(url, text):
    import asyncio

    import asyncpg

    async def run():
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(text)
        finally:
            await connection.close()

    return asyncio.run(run())


def test_a_metric_in_two_units_has_to_say_which(start_receiver):
    receiver = start_receiver(*PATIENT)
    export(receiver.url, export_request([point("size", "By", 1), point("size", "KiBy", 2)]))
    asked = {"metricKey": "size", "periodType": "monthly", "periodStart": "2026-10-01"}
    refused = get(receiver.url + SUMMARY, **asked)
    assert (refused.status, "unit=" in refused.json["detail"]) == (400, True)
    assert summary(receiver, unit="KiBy", **asked)["totalQuantity"] == "2"


@pytest.mark.parametrize(
    ("path", "query"),
    [
        (BREAKDOWN, {"group_by": ","}), (BREAKDOWN, {"group_by": "events"}), (BREAKDOWN, {"since": "yesterday"}),
        (BREAKDOWN, {"since": "2026-11-02", "until": "2026-11-01"}), (BREAKDOWN, {"from": "2026-11-01"}),
        (BREAKDOWN, {"limit": "0"}), (BREAKDOWN, {"limit": "x"}), (BREAKDOWN, {"limit": "1" * 30}),
        (BREAKDOWN, {"cursor": "%"}), (BREAKDOWN, {"cursor": "W10"}), (BREAKDOWN, {"tz": "Nowhere"}),
        (BREAKDOWN, {"projectId": "web"}), (BREAKDOWN, {"orgId": ""}), (BREAKDOWN, {"since": ["2026-11-01"] * 2}),
        (BREAKDOWN, {"orgId": "a\0"}), (SUMMARY, {}), (SUMMARY, {"metricKey": "a*"}),
        (SUMMARY, {"metricKey": "a", "periodType": "yearly"}), (SUMMARY, {"metricKey": "a", "periodStart": "x"}),
        (SUMMARY, {"metricKey": "a", "periodType": "daily", "periodStart": "x"}),
        (SUMMARY, {"metricKey": "a", "periodType": "current", "periodStart": "2026-11-01"}),
        (SUMMARY, {"metricKey": "a", "subjectType": "org"}), (SUMMARY, {"metricKey": "a", "subjectId": "org"}),
        (SUMMARY, {"metricKey": "a", "subjectType": "project", "subjectId": "web"}),
        (SUMMARY, {"metricKey": "a", "subjectType": "org", "subjectId": "x", "orgId": "y"}),
        (SUMMARY, {"metricKey": "a", "subjectType": "user", "subjectId": "x", "attr.user.id": "y"}),
        ("/api/usage", {"limit": "-1"}), ("/api/usage", {"cursor": "e30"}),
    ],
)  # fmt: skip
def test_a_bad_parameter_is_a_problem_with_a_sentence(shared, path, query):
    reply = get(shared.url + path, **query)
    assert (reply.status, reply.headers["Content-Type"].split(";")[0]) == (400, "application/problem+json")
    assert reply.json["detail"]


@pytest.fixture(scope="module")
def shared(template):
    """One empty receiver for what is refused before anything is read."""
    from conftest import ReceiverProcess, fresh_database

    with fresh_database(template) as url:
        process = ReceiverProcess(["--database-url", url], {})
        yield process
        process.close()


def test_a_key_of_one_organisation_sees_only_its_own(start_receiver, database_url):
    def key(*arguments):
        done = run_cli("keys", "create", "--name", "k", "--json", "--database-url", database_url, *arguments)
        return json.loads(done.stdout)["key"]

    acme, everybody = key("--scope", "read", "--org", "acme"), key("--scope", "admin", "--org", "*")
    receiver = start_receiver(*PATIENT)
    points = [point("calls", "{call}", 1), point("calls", "{call}", 2, org="globex")]
    assert export(receiver.url, export_request(points), everybody).rejected == 0
    period = {"metricKey": "calls", "periodType": "monthly", "periodStart": "2026-10-01"}
    assert get(receiver.url + BREAKDOWN, acme, **OCTOBER).json["total_events"] == 1
    assert get(receiver.url + BREAKDOWN, everybody, **OCTOBER).json["total_events"] == 3
    assert get(receiver.url + SUMMARY, acme, **period).json["totalQuantity"] == "1"
    assert get(receiver.url + BREAKDOWN, acme, orgId="globex", **OCTOBER).status == 403
    for path, query in ((SUMMARY, period), ("/api/usage", {})):
        assert get(receiver.url + path, acme, subjectType="org", subjectId="globex", **query).status == 403
        assert get(receiver.url + path, **query).status == 401
