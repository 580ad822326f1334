"""Building OTLP requests with the real protobuf classes, and talking HTTP to a receiver; imports nothing of ours."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
SECOND = 10**9
DELTA, CUMULATIVE = 1, 2
TRIES = 10


@dataclass
class Reply:
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def rejected(self) -> int:
        """Rejected data points of a protobuf export response."""
        return ExportMetricsServiceResponse.FromString(self.body).partial_success.rejected_data_points


_now: list[int] = []


def now_ns() -> int:
    """The wall clock when the test asked first, cut to a second: readable, never in the future, and the same all along.

    A collection that a test builds twice is the same collection, even if a second has gone by.
    """
    if not _now:
        _now.append(time.time_ns() // SECOND * SECOND)
    return _now[0]


def begin_anew() -> None:
    """The next test has a time of its own."""
    _now.clear()


def export_request(
    points: list[dict[str, Any]], *, resource: dict[str, str] | None = None, scope: str = "test"
) -> ExportMetricsServiceRequest:
    """One resource, one scope; a point is {name, value, unit?, end?, start?, attributes?, kind?, temporality?,
    monotonic?, count?}; kind is "sum" (default), "gauge", "histogram" or "exponential_histogram"; the value of these
    two is their sum.
    """
    request = ExportMetricsServiceRequest()
    resource_metrics = request.resource_metrics.add()
    default = {"service.name": "test", "service.instance.id": "instance-1"}
    for key, value in (default if resource is None else resource).items():
        _set(resource_metrics.resource.attributes.add(), key, value)
    scope_metrics = resource_metrics.scope_metrics.add()
    scope_metrics.scope.name = scope
    for point in points:
        metric = scope_metrics.metrics.add(name=point.get("name", "requests"), unit=point.get("unit", "{request}"))
        content = getattr(metric, point.get("kind", "sum"))
        number = content.data_points.add()
        if content is not metric.gauge:
            content.aggregation_temporality = point.get("temporality", DELTA)
        if content is metric.sum:
            content.is_monotonic = point.get("monotonic", True)
        end = point.get("end", now_ns())
        number.time_unix_nano = end
        number.start_time_unix_nano = point.get("start", max(end - 10 * SECOND, 0))
        value = point.get("value", 1)
        if "histogram" in point.get("kind", ""):
            number.count = point.get("count", 1)
            if value is not None:
                number.sum = value
        elif isinstance(value, float):
            number.as_double = value
        elif value is not None:
            number.as_int = value
        for key, content in point.get("attributes", {"org.id": "acme", "project.id": "web"}).items():
            _set(number.attributes.add(), key, content)
    return request


def _set(pair: Any, key: str, value: Any) -> None:
    pair.key = key
    if isinstance(value, bool):
        pair.value.bool_value = value
    elif isinstance(value, int):
        pair.value.int_value = value
    elif isinstance(value, float):
        pair.value.double_value = value
    else:
        pair.value.string_value = value


def post(url: str, body: bytes, content_type: str = PROTOBUF, **headers: str) -> Reply:
    """POST to a path of a receiver; header names with _ for -."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return _send(urllib.request.Request(url, body, {"Content-Type": content_type, **named}))


def export(receiver_url: str, request: ExportMetricsServiceRequest, key: str = "") -> Reply:
    """Send a request to /v1/metrics as protobuf; as an SDK does, again while a busy receiver answers 503."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    body = request.SerializeToString()
    for _ in range(TRIES - 1):
        if (reply := post(receiver_url + "/v1/metrics", body, **headers)).status != 503:
            return reply
        time.sleep(0.2)
    return post(receiver_url + "/v1/metrics", body, **headers)


def get(url: str, key: str = "", **query: str | list[str]) -> Reply:
    """GET with a query; `from_` means from, attributes as **{"attr.region": "eu"}."""
    pairs = {name.rstrip("_"): value for name, value in query.items()}
    full = url + ("?" + urlencode(pairs, doseq=True) if pairs else "")
    return _send(urllib.request.Request(full, headers={"Authorization": f"Bearer {key}"} if key else {}))


def send(method: str, url: str, body: Any = None, key: str = "") -> Reply:
    """Any method, with a body that is sent as JSON unless it is bytes."""
    headers = {"Content-Type": JSON} | ({"Authorization": f"Bearer {key}"} if key else {})
    content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    return _send(urllib.request.Request(url, content, headers, method=method))


def lately() -> dict[str, str]:
    """from and to around all that a test may send; else a question is about this month, which began just now."""
    today = datetime.now(UTC).date()
    return {"from_": str(today - timedelta(days=9)), "to": str(today + timedelta(days=2))}


def usage(receiver_url: str, key: str = "", **query: str | list[str]) -> dict[str, Any]:
    """The answer of /api/usage, which must be 200; about these days where the query says nothing of time."""
    reply = get(receiver_url + "/api/usage", key, **(query if query.keys() & {"from_", "to"} else lately() | query))
    assert reply.status == 200, reply.body
    answer: dict[str, Any] = reply.json
    return answer


def totals(receiver_url: str, **query: str | list[str]) -> dict[str, str]:
    """Quantities by type."""
    return {row["type"]: row["quantity"] for row in usage(receiver_url, **query)["totals"]}


def _send(request: urllib.request.Request) -> Reply:
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return Reply(response.status, dict(response.headers), response.read())
    except urllib.error.HTTPError as error:
        with error:
            return Reply(error.code, dict(error.headers), error.read())
