"""POST /api/v1/usage/records, black box: what is answered, and what is counted."""

import json

from otlp import JSON, post, totals

EVENT, EVENTS = "application/cloudevents+json", "application/cloudevents-batch+json"
PATH = "/api/v1/usage/records"


def record(**members):
    return {"metricKey": "calls", "subjectType": "org", "subjectId": "acme", "quantity": 1} | members


def send(url, content, key="", *, content_type=JSON, query="", **headers):
    """POST what is not bytes yet as JSON."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    if key:
        headers["Authorization"] = f"Bearer {key}"
    return post(url + PATH + query, body, content_type, **headers)


def test_one_record_is_created_found_again_and_contradicted(start_receiver):
    url = start_receiver().url
    first = send(url, record(id="a", quantity=5))
    assert (first.status, first.json) == (201, {"index": 0, "id": "a", "status": "accepted"})
    again = send(url, record(id="a", quantity="5.0"))
    assert (again.status, again.json) == (200, {"index": 0, "id": "a", "status": "duplicate"})
    other = send(url, record(id="a", quantity=6))
    assert (other.status, other.json["reason"]) == (409, "conflict")
    assert other.headers["Content-Type"] == "application/problem+json"
    assert totals(url, orgId="acme") == {"calls": "5"}
