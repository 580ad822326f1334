"""Distinct values of a dimension against a recomputation in Python: before and after rolling, for every subject."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from books import verify
from conftest import ReceiverProcess, fresh_database, sql
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from otlp import SECOND, export, export_request, get, now_ns, send

pytestmark = pytest.mark.editions("postgresql")
PATIENT = ("--late-seconds-max", "1000000000", "--ahead-seconds-max", "1000000", "--evaluate-seconds", "0.05")
BASE = int(datetime(2026, 10, 20, 22, tzinfo=UTC).timestamp()) * SECOND
VALUES = st.sampled_from(["ada", "bob", "1", 1, 1.5, True, "true", "", None])
"""As text 1 and "1" are the same, and so are true and "true"; an empty text is a value, no attribute is none."""
POINTS = st.lists(
    st.tuples(
        st.integers(1, 5 * 3600), VALUES, st.sampled_from(["web", "shop"]), st.sampled_from(["eu", "us"]),
        st.sampled_from(["sum", "sum", "histogram", "gauge"]), st.integers(0, 2),
    ),
    min_size=1, max_size=20, unique_by=lambda point: point[0],
)  # fmt: skip


@pytest.fixture(scope="module", params=["0.02", "3600"], ids=["rolled", "waiting"])
def receiver(template, request):
    """One for all examples, each of which has an organisation of its own."""
    with fresh_database(template) as url:
        process = ReceiverProcess(["--database-url", url, "--roll-seconds", request.param, *PATIENT], {})
        body = {"key": "logins", "aggregationType": "UNIQUE", "uniqueDimension": "user.id", "unit": "{login}"}
        assert send("POST", process.url + "/api/v1/metrics", body).status == 201
        yield process
        assert verify(url).count == 0
        process.close()


def text(value):
    return json.dumps(value) if isinstance(value, bool | int | float) else value


def expected(points, start, end, **wanted):
    """Sums and operations count with usage, levels with a sample; by hand."""
    found = {}
    for seconds, value, project, region, kind, quantity in points:
        at = (BASE + seconds * SECOND - 1) // SECOND
        if start <= at < end and all({"project": project, "region": region}[k] == v for k, v in wanted.items()):
            used = quantity if kind == "sum" else 1
            found[text(value)] = found.get(text(value), 0) + used
    return str(sum(1 for value, used in found.items() if value is not None and used))


def distinct(receiver, **query):
    reply = get(receiver.url + "/api/v1/usage/summary", metricKey="logins", **query)
    assert reply.status == 200, reply.body
    assert reply.json["aggregationType"] == "unique"
    return reply.json["totalQuantity"]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(POINTS)
def test_distinct_values_equal_a_recomputation_for_every_subject_and_period(receiver, points):
    org = f"org-{time.time_ns()}"
    sent = []
    for seconds, value, project, region, kind, quantity in points:
        attributes = {"org.id": org, "project.id": project, "region": region}
        if value is not None:
            attributes["user.id"] = value
        sent.append({"name": "logins", "unit": "{login}", "kind": kind, "value": quantity, "attributes": attributes,
                     "end": BASE + seconds * SECOND})  # fmt: skip
    assert export(receiver.url, export_request(sent)).rejected == 0
    first = BASE // SECOND
    for kind, hours in (("daily", (0, 2)), ("daily", (2, 26)), ("hourly", (1, 2)), ("monthly", (-99, 99))):
        start, end = (first + hour * 3600 for hour in hours)
        when = {"periodType": kind, "periodStart": _time(max(start, first))}
        org_too = {"orgId": org, **when}
        assert distinct(receiver, subjectType="org", subjectId=org, **when) == expected(points, start, end)
        for project in ("web", "shop"):
            found = distinct(receiver, subjectType="project", subjectId=project, **org_too)
            assert found == expected(points, start, end, project=project)
        found = distinct(receiver, subjectType="region", subjectId="eu", **org_too)
        assert found == expected(points, start, end, region="eu")
        found = distinct(receiver, **{"attr.region": "us", **org_too})
        assert found == expected(points, start, end, region="us")


def _time(seconds):
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def logins(*users, org="acme", end=None):
    return [
        {"name": "logins", "unit": "{login}", "attributes": {"org.id": org, "user.id": user}, "end": end or now_ns()}
        for user in users
    ]


def test_distinct_values_are_the_same_once_points_are_dropped(start_receiver, database_url):
    receiver = start_receiver(*PATIENT, "--roll-seconds", "0.05")
    body = {"key": "logins", "aggregationType": "unique", "uniqueDimension": "user", "unit": "{login}"}
    send("POST", receiver.url + "/api/v1/metrics", body)
    export(receiver.url, export_request(logins("ada", "bob", "ada", end=BASE)))
    when = {"orgId": "acme", "periodType": "hourly", "periodStart": _time(BASE // SECOND - 60)}
    while get(receiver.url + "/healthz").json["counts"].get("deltas.rolled", 0) < 2:
        pass
    assert distinct(receiver, **when) == "2"
    sql(database_url, "TRUNCATE usage_point", "TRUNCATE usage_collection")
    assert distinct(receiver, **when) == "2"


def test_distinct_users_cross_thresholds_and_are_an_allowance(start_receiver):
    receiver = start_receiver(*PATIENT)
    body = {"key": "logins", "aggregationType": "unique", "uniqueDimension": "user.id", "unit": "{login}"}
    send("POST", receiver.url + "/api/v1/metrics", body)
    limit = {"metricKey": "logins", "subjectType": "org", "subjectId": "acme", "threshold": 4, "action": "BLOCK",
             "levels": [50, 100]}  # fmt: skip
    assert send("POST", receiver.url + "/api/v1/thresholds", limit).status == 201
    export(receiver.url, export_request(logins("ada", "bob", "ada")))

    def levels():
        rows = get(receiver.url + "/api/v1/events").json["events"]
        return [(e["data"]["level"], e["data"]["used"]) for e in rows if e["type"].startswith("threshold.")]

    while not levels():
        pass
    assert levels() == [(50, "2")]
    export(receiver.url, export_request(logins("cyd", "dan", "eve", org="globex")))
    export(receiver.url, export_request(logins("cyd", "dan", end=now_ns() + SECOND)))
    while len(levels()) < 2:
        pass
    assert levels() == [(50, "2"), (100, "4")]
    allowance = get(receiver.url + "/api/v1/usage/allowance", orgId="acme", metricKey="logins").json
    assert (allowance["allowed"], allowance["used"], allowance["limit"]) == (False, "4", "4")
    allowance = get(receiver.url + "/api/v1/usage/allowance", orgId="nobody", metricKey="logins").json
    assert (allowance["allowed"], allowance["used"]) == (True, "0")


def test_values_that_rollups_did_not_keep_are_unknown_and_never_too_few(start_receiver):
    receiver = start_receiver(*PATIENT)
    url = receiver.url + "/api/v1/metrics"
    number = send("POST", url, {"key": "logins", "unit": "{login}", "dimensions": ["region"]}).json["id"]
    export(receiver.url, export_request(logins("ada", "bob")))
    changed = send("PATCH", f"{url}/{number}", {
        "aggregationType": "unique", "uniqueDimension": "user.id", "dimensions": ["region", "user.id"]})  # fmt: skip
    assert changed.status == 200
    assert distinct(receiver, orgId="acme", periodType="monthly") is None
    assert distinct(receiver, periodType="never") is None
    start = datetime.fromisoformat(changed.json["dimensionsFrom"])
    export(receiver.url, export_request(logins("ada", end=int(start.timestamp() + 1) * SECOND)))
    next_hour = {"periodType": "hourly", "periodStart": (start + timedelta(hours=1)).isoformat()}
    assert distinct(receiver, orgId="acme", **next_hour) == "0"
