"""Metric definitions over HTTP and from the command line."""

import json

import pytest
from conftest import run_cli
from otlp import export, export_request, get, send, usage

API_CALLS = {"key": "api_calls", "name": "API Calls", "unit": "calls", "aggregationType": "COUNT",
             "resetPeriod": "MONTHLY"}  # fmt: skip
"""As the seeds define it."""


@pytest.fixture
def metrics(receiver):
    return receiver.url + "/api/v1/metrics"


@pytest.fixture
def new_key(database_url):
    def create(*scopes, org="*"):
        named = [part for scope in scopes for part in ("--scope", scope)]
        done = run_cli("keys", "create", "--name", "k", "--org", org, *named, "--json", "--database-url", database_url)
        return json.loads(done.stdout)["key"]

    return create


def meaning(metric):
    return {name: metric[name] for name in ("key", "unit", "aggregationType", "resetPeriod", "orgId", "definedBy")}


def test_a_metric_is_defined_read_changed_and_deleted(metrics):
    created = send("POST", metrics, API_CALLS)
    assert created.status == 201
    metric = created.json
    assert meaning(metric) == {"key": "api_calls", "unit": "calls", "aggregationType": "count",
                               "resetPeriod": "monthly", "orgId": None, "definedBy": "api"}  # fmt: skip
    assert created.headers["Location"] == f"/api/v1/metrics/{metric['id']}"
    assert get(f"{metrics}/{metric['id']}").json == metric
    changed = send("PATCH", f"{metrics}/{metric['id']}", {"resetPeriod": "daily", "description": "all of them"}).json
    assert changed == metric | {"resetPeriod": "daily", "description": "all of them", "updatedAt": changed["updatedAt"]}
    assert get(metrics).json == {"metrics": [changed], "nextCursor": None}
    assert send("POST", metrics, API_CALLS).status == 409
    assert send("DELETE", f"{metrics}/{metric['id']}").status == 204
    assert get(f"{metrics}/{metric['id']}").status == 404


def test_a_metric_that_usage_brings_defines_itself(receiver, metrics):
    points = [{"name": "Bytes", "unit": "By", "value": 5}, {"name": "disk", "unit": "By", "kind": "gauge", "value": 5},
              {"name": "latency", "unit": "s", "kind": "histogram", "value": 5.0}]  # fmt: skip
    assert export(receiver.url, export_request(points)).status == 200
    assert [meaning(m) for m in get(metrics).json["metrics"]] == [
        {"key": key, "unit": unit, "aggregationType": how, "resetPeriod": reset, "orgId": None, "definedBy": "usage"}
        for key, unit, how, reset in [
            ("bytes", "By", "sum", "monthly"), ("disk", "By", "last", "never"), ("latency", "s", "sum", "monthly")]
    ]  # fmt: skip
    seen = get(metrics, key="bytes").json["metrics"][0]
    assert send("DELETE", f"{metrics}/{seen['id']}").status == 409
    taken_over = send("POST", metrics, {"key": "bytes", "name": "Traffic"})
    assert (taken_over.status, taken_over.json["id"], taken_over.json["unit"]) == (201, seen["id"], "By")
    assert taken_over.json["definedBy"] == "api"


def test_a_definition_never_changes_stored_usage(receiver, metrics):
    assert export(receiver.url, export_request([{"name": "api_calls", "unit": "", "value": 7}])).status == 200
    before = usage(receiver.url, orgId="acme")
    number = get(metrics).json["metrics"][0]["id"]
    assert send("PATCH", f"{metrics}/{number}", {"aggregationType": "count", "unit": "calls"}).status == 200
    after = usage(receiver.url, orgId="acme")
    assert (after["rows"], after["totals"]) == (before["rows"], before["totals"])


def test_what_cannot_be_read_from_what_is_stored_is_refused(receiver, metrics):
    export(receiver.url, export_request([{"name": "calls"}, {"name": "disk", "kind": "gauge"}]))
    for key, aggregation in [("calls", "max"), ("calls", "last"), ("disk", "sum")]:
        refused = send("POST", metrics, {"key": key, "aggregationType": aggregation})
        assert refused.status == 400
        assert "levels have last" in refused.json["detail"]


@pytest.mark.parametrize(
    ("body", "status"),
    [({**API_CALLS, "aggregationType": "UNIQUE"}, 400), ({**API_CALLS, "uniqueDimension": "region"}, 400),
     ({**API_CALLS, "aggregationType": "unique", "uniqueDimension": "project"}, 400),
     ({**API_CALLS, "aggregationType": "unique", "uniqueDimension": "user.id", "dimensions": ["region"]}, 400),
     ({**API_CALLS, "dimensions": "region"}, 400), ({**API_CALLS, "dimensions": ["org"]}, 400),
     ({**API_CALLS, "dimensions": [""]}, 400), ({**API_CALLS, "dimensions": [5]}, 400),
     ({"name": "no key"}, 400), ({"key": ""}, 400), ({"key": 5}, 400), ({"key": "a\0"}, 400), ({"key": "\ud800"}, 400),
     ({**API_CALLS, "resetPeriod": "weekly"}, 400), ({**API_CALLS, "colour": "red"}, 400), (["api_calls"], 400),
     (b"{", 400), (b"[" * 100_000, 400), ({"key": "k", "description": "d" * 2_000_000}, 413)],
)  # fmt: skip
def test_a_bad_definition_is_refused_with_a_sentence(metrics, body, status):
    refused = send("POST", metrics, body)
    assert (refused.status, refused.headers["Content-Type"]) == (status, "application/problem+json")
    assert refused.json["detail"]
    assert get(metrics).json["metrics"] == []


def test_an_organisation_sees_its_own_definitions_and_those_for_all_and_writes_its_own_only(start_receiver, new_key):
    admin, acme, other, reader = (
        new_key("admin"),
        new_key("admin", org="acme"),
        new_key("admin", org="b"),
        new_key("read"),
    )
    url = start_receiver().url + "/api/v1/metrics"
    for_all = send("POST", url, API_CALLS, admin).json
    own = send("POST", url, {**API_CALLS, "resetPeriod": "daily"}, acme)
    assert (own.status, own.json["orgId"]) == (201, "acme")
    assert [m["orgId"] for m in get(url, acme).json["metrics"]] == [None, "acme"]
    assert [m["orgId"] for m in get(url, other).json["metrics"]] == [None]
    assert get(f"{url}/{own.json['id']}", other).status == 404
    assert send("PATCH", f"{url}/{own.json['id']}", {"name": "x"}, other).status == 404
    assert send("DELETE", f"{url}/{for_all['id']}", None, acme).status == 403
    assert send("PATCH", f"{url}/{for_all['id']}", {"name": "x"}, acme).status == 403
    assert send("POST", url, {**API_CALLS, "orgId": "b"}, acme).status == 403
    assert send("POST", url, {"key": "k"}, reader).status == 403
    assert get(url, acme, orgId="b").status == 403


def test_pages_of_definitions_hold_each_once(metrics):
    for n in range(5):
        assert send("POST", metrics, {"key": f"m{n}"}).status == 201
    found, cursor = [], {}
    while cursor is not None:
        page = get(metrics, limit="2", **cursor).json
        found += [metric["key"] for metric in page["metrics"]]
        cursor = page["nextCursor"] and {"cursor": page["nextCursor"]}
    assert found == [f"m{n}" for n in range(5)]
    assert get(metrics, cursor="nonsense").status == 400


def test_the_command_line_defines_lists_and_deletes(receiver):
    at = ("--url", receiver.url)
    defined = run_cli("metrics", "define", "api_calls", "--aggregation", "count", "--unit", "calls", *at)
    assert (defined.returncode, defined.stderr) == (0, "")
    again = run_cli("metrics", "define", "api_calls", "--reset", "daily", "--json", *at)
    assert json.loads(again.stdout)["id"] == defined.stdout.strip()
    (listed,) = json.loads(run_cli("metrics", "list", "--json", *at).stdout)
    assert (listed["aggregationType"], listed["resetPeriod"]) == ("count", "daily")
    assert "api_calls" in run_cli("metrics", "list", *at).stdout
    assert run_cli("metrics", "delete", listed["id"], *at).returncode == 0
    assert run_cli("metrics", "delete", listed["id"], *at).returncode == 1


def test_the_command_line_sums_up_as_the_definition_counts(receiver):
    at = ("--url", receiver.url)
    run_cli("metrics", "define", "api_calls", "--aggregation", "COUNT", "--unit", "calls", *at)
    points = [{"name": "api_calls", "unit": "calls", "value": 7}, {"name": "api_calls", "unit": "calls", "value": 5}]
    export(receiver.url, export_request(points))
    done = run_cli("usage", "summary", "api_calls", "--org", "acme", "--period", "MONTHLY", "--json", *at)
    found = json.loads(done.stdout)
    assert (found["totalQuantity"], found["aggregationType"], found["periodType"]) == ("2", "count", "monthly")
    shown = run_cli("usage", "summary", "api_calls", "--subject", "project=web", "--org", "acme", *at).stdout
    assert ("api_calls" in shown, "count" in shown) == (True, True)
    assert run_cli("usage", "summary", "api_calls", "--subject", "project", *at).returncode == 2
    assert json.loads(run_cli("usage", "--org", "acme", "--json", *at).stdout)["totals"][0]["quantity"] == "12"
