"""Every example in /openapi.json is sent to a real receiver, and answered as its schema says."""

import json
import re
import urllib.request

import jsonschema
import pytest
from otlp import JSON, get, post, send

WORKED = {
    "/api/usage": {"orgId", "from", "to", "timeZone", "groupBy", "rows", "totals", "completeness"},
    "/api/v1/usage/breakdown": {"period", "breakdown", "total_events", "total_bytes"},
    "/api/v1/usage/summary": {
        "metricKey", "subjectType", "subjectId", "periodType", "periodStart", "periodEnd", "totalQuantity",
        "recordCount", "unit", "aggregationType", "completeness",
    },
    "/api/v1/usage/export": None,
}  # fmt: skip
"""Design section 4, with what is said besides; the export is a file."""
BODIES = {
    "/api/v1/usage/records", "/api/v1/metrics", "/api/v1/metrics/{id}", "/api/v1/thresholds", "/api/v1/thresholds/{id}",
    "/api/v1/usage/alerts",
}  # fmt: skip


def operations(description):
    """(path, its example query, its example answers by content type) of each GET that has an example."""
    components = description["components"]["parameters"]
    for path, methods in description["paths"].items():
        if "get" not in methods:
            continue
        stated = methods["get"].get("parameters", [])
        known = [components[p["$ref"].rsplit("/", 1)[1]] if "$ref" in p else p for p in stated]
        query = {parameter["name"]: parameter["example"] for parameter in known if "example" in parameter}
        if query:
            yield path, query, methods["get"]["responses"]["200"]["content"]


def bodies(description):
    """(method, path, content type, example) of each request body that has examples."""
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            if not isinstance(operation, dict):
                continue
            for kind, content in operation.get("requestBody", {}).get("content", {}).items():
                examples = [example["value"] for example in content.get("examples", {}).values()]
                for example in [*examples, *([content["example"]] if "example" in content else [])]:
                    yield method.upper(), path, kind, example


def validate(content, schema, description):
    jsonschema.validate(content, {**schema, "components": description["components"]})


@pytest.fixture
def receiver(start_receiver):
    """Which takes the times of the examples, whenever this runs."""
    return start_receiver("--late-seconds-max", "10000000000", "--ahead-seconds-max", "10000000000",
                          "--keep-points-days", "0", "--keep-hourly-days", "0")  # fmt: skip


@pytest.fixture
def description(receiver):
    return get(receiver.url + "/openapi.json").json


def test_every_example_is_answered_as_its_schema_says(receiver, description):
    asked = {}
    for path, query, contents in operations(description):
        reply = get(receiver.url + path, **query)
        assert reply.status == 200, (path, reply.body)
        kind = reply.headers["Content-Type"].split(";")[0]
        asked[path] = contents[kind]
        if kind == "application/json":
            for answer in (reply.json, contents[kind]["example"]):
                validate(answer, contents[kind]["schema"], description)
            assert set(reply.json) == set(contents[kind]["example"])
        else:
            assert reply.body.decode().split("\r\n")[0] == contents[kind]["example"].split("\r\n")[0]
    assert set(WORKED) <= set(asked)


def sent(receiver, method, path, kind, example):
    """An example's answer; an {id} is that of the first one that the collection lists."""
    if path.endswith("/{id}"):
        collection = path.removesuffix("/{id}")
        rows = get(receiver.url + collection).json[collection.rsplit("/", 1)[1]]
        path = f"{collection}/{rows[0]['id']}"
    if kind != JSON:
        return post(receiver.url + path, json.dumps(example).encode(), kind)
    return send(method, receiver.url + path, example)


def test_every_example_of_a_body_is_taken_and_answered_as_its_schema_says(receiver, description):
    """In the order of the description; what is created is read, changed by the examples of PATCH, and deleted."""
    found = list(bodies(description))
    assert {path for _, path, _, _ in found} >= BODIES
    for method, path, kind, example in sorted(found, key=lambda one: one[0] == "PATCH"):
        operation = description["paths"][path][method.lower()]
        validate(example, operation["requestBody"]["content"][kind]["schema"], description)
        reply = sent(receiver, method, path, kind, example)
        assert reply.status in (200, 201), (method, path, example, reply.body)
        answers = operation["responses"][str(reply.status)]["content"]
        content_type = reply.headers["Content-Type"].split(";")[0]
        validate(reply.json, answers[content_type]["schema"], description)
        if path in ("/api/v1/metrics", "/api/v1/thresholds"):
            read = get(f"{receiver.url}{path}/{reply.json['id']}")
            assert (read.status, read.json) == (200, reply.json)
            assert {k: str(v).lower() for k, v in example.items() if k != "key"}.items() <= {
                k: str(v).lower() for k, v in reply.json.items()
            }.items()
    for collection, name in (("/api/v1/thresholds", "thresholds"), ("/api/v1/usage/alerts", "alerts")):
        page = get(receiver.url + collection)
        validate(
            page.json,
            description["paths"][collection]["get"]["responses"]["200"]["content"][JSON]["schema"],
            description,
        )
        for row in page.json[name]:
            assert send("DELETE", f"{receiver.url}{collection}/{row['id']}").status == 204
        assert get(receiver.url + collection).json[name] == []
    for metric in get(receiver.url + "/api/v1/metrics").json["metrics"]:
        status = send("DELETE", f"{receiver.url}/api/v1/metrics/{metric['id']}").status
        assert status == (204 if metric["definedBy"] == "api" else 409)


def test_the_worked_calls_of_the_design_answer_in_exactly_its_shapes_where_there_is_usage(receiver, description):
    record = {"id": "w1", "metricKey": "logs.ingested.bytes", "unit": "By", "subjectType": "org", "subjectId": "acme",
              "quantity": "5368709120", "timestamp": "2026-11-01T12:00:00.000Z",
              "metadata": {"service.name": "api"}}  # fmt: skip
    taken = send("POST", receiver.url + "/api/v1/usage/records", record)
    assert (taken.status, taken.json) == (201, {"index": 0, "id": "w1", "status": "accepted"})
    batch = send("POST", receiver.url + "/api/v1/usage/records", [record])
    assert set(batch.json) == {"accepted", "duplicates", "rejected", "results"}
    november = {"from_": "2026-11-01T00:00:00Z", "to": "2026-12-01T00:00:00Z", "orgId": "acme"}
    usage = get(receiver.url + "/api/usage", groupBy="type,day", **november).json
    completeness = usage.pop("completeness")
    total = {"type": "logs.ingested.bytes", "unit": "By", "quantity": "5368709120", "count": 1}
    assert usage == {
        "orgId": "acme", "from": "2026-11-01T00:00:00Z", "to": "2026-12-01T00:00:00Z", "timeZone": "UTC",
        "groupBy": ["type", "day"], "rows": [{**total, "day": "2026-11-01"}], "totals": [total],
    }  # fmt: skip
    assert {"state", "until"} <= set(completeness)
    since = {"since": "2026-11-01T00:00:00Z", "until": "2026-12-01T00:00:00Z", "orgId": "acme"}
    assert get(receiver.url + "/api/v1/usage/breakdown", group_by="service_id", **since).json == {
        "period": {"start": "2026-11-01T00:00:00Z", "end": "2026-12-01T00:00:00Z"},
        "breakdown": [{"service_id": "api", "events": 0, "bytes": 5368709120}],
        "total_events": 0, "total_bytes": 5368709120,
    }  # fmt: skip
    summary = get(receiver.url + "/api/v1/usage/summary", metricKey="logs.ingested.bytes", subjectType="org",
                  subjectId="acme", periodType="MONTHLY", periodStart="2026-11-01T00:00:00.000Z").json  # fmt: skip
    assert set(summary) == WORKED["/api/v1/usage/summary"]
    assert (summary["totalQuantity"], summary["recordCount"], summary["periodEnd"]) == (
        "5368709120", 1, "2026-12-01T00:00:00Z")  # fmt: skip
    with urllib.request.urlopen(receiver.url + "/api/v1/usage/export?format=csv&orgId=acme&from=2026-11-01") as file:
        lines = file.read().decode().split("\r\n")
    assert re.search(r"logs\.ingested\.bytes,By,sum,.*,5368709120,1", lines[1])
    allowance = get(receiver.url + "/api/v1/usage/allowance", orgId="acme", metricKey="logs.ingested.bytes").json
    assert set(allowance) == {"allowed", "used", "limit", "resetsAt", "asOf"}
    for path, keys in WORKED.items():
        if keys is not None:
            example = description["paths"][path]["get"]["responses"]["200"]["content"][JSON]["example"]
            assert set(example) == keys


def test_the_seed_s_calls_work_as_they_are_written(receiver):
    """@contractspec/lib.metering: its readme's three calls, dates as JavaScript writes them."""
    defined = send("POST", receiver.url + "/api/v1/metrics", {
        "key": "api_calls", "name": "API Calls", "unit": "calls", "aggregationType": "COUNT", "resetPeriod": "MONTHLY",
    })  # fmt: skip
    assert defined.status == 201
    subject = {"metricKey": "api_calls", "subjectType": "org", "subjectId": "org-123"}
    for quantity in (1, 1, 5):
        record = {**subject, "quantity": quantity, "timestamp": "2024-01-15T10:20:30.123Z"}
        assert send("POST", receiver.url + "/api/v1/usage/records", record).status == 201
    found = get(
        receiver.url + "/api/v1/usage/summary", periodType="MONTHLY", periodStart="2024-01-01T00:00:00.000Z", **subject
    )
    answer = {k: v for k, v in found.json.items() if k in {*subject, "periodType", "periodStart", "periodEnd",
                                                           "totalQuantity", "recordCount"}}  # fmt: skip
    assert answer == {
        **subject, "periodType": "monthly", "periodStart": "2024-01-01T00:00:00Z", "periodEnd": "2024-02-01T00:00:00Z",
        "totalQuantity": "3", "recordCount": 3,
    }  # fmt: skip
    threshold = {
        **subject,
        "threshold": 1000,
        "action": "BLOCK",
        "notifyEmails": ["a@example.com"],
        "resetPeriod": "Monthly",
    }
    assert send("POST", receiver.url + "/api/v1/thresholds", threshold).json["action"] == "block"
