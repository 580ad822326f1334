"""Histograms over OTLP: the sum is the quantity, the count is the operations, and a bad one is refused as one point."""

import json

import pytest
from conftest import run_cli
from google.protobuf.json_format import MessageToDict
from otlp import JSON, SECOND, export, export_request, get, now_ns, post, totals, usage

KINDS = ("histogram", "exponential_histogram")


def histogram(kind="histogram", **more):
    return {"name": "calls", "unit": "By", "kind": kind, **more}


def figures(receiver, **query):
    return [(row["type"], row["quantity"], row["count"]) for row in usage(receiver.url, **query)["rows"]]


def as_json(request):
    """The request as OTLP/JSON has it: enums are numbers."""
    return json.dumps(MessageToDict(request, use_integers_for_enums=True)).encode()


def quarantined(receiver):
    return get(receiver.url + "/api/v1/quarantine").json["points"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("in_json", [False, True])
def test_a_histogram_counts_its_sum_as_quantity_and_its_count_as_operations(receiver, kind, in_json):
    end = now_ns()
    points = [histogram(kind, value=2.5 * n, count=n, end=end - n * SECOND) for n in (1, 2, 3)]
    request = export_request(points)
    for _ in range(2):
        if in_json:
            assert post(receiver.url + "/v1/metrics", as_json(request), JSON).json == {}
        else:
            assert export(receiver.url, request).body == b""
    assert figures(receiver) == [("calls", "15", 6)]
    assert usage(receiver.url)["totals"] == [{"type": "calls", "unit": "By", "quantity": "15", "count": 6}]


def test_protobuf_and_json_are_the_same_points(receiver):
    request = export_request([histogram(kind, name=kind, value=4.25, count=3) for kind in KINDS])
    assert export(receiver.url, request).rejected == 0
    assert post(receiver.url + "/v1/metrics", as_json(request), JSON).json == {}
    assert figures(receiver) == [("exponential_histogram", "4.25", 3), ("histogram", "4.25", 3)]
    assert get(receiver.url + "/healthz").json["counts"]["points.duplicate"] == 4


def test_sums_and_histograms_of_one_type_are_one_row_of_each_group(receiver):
    attributes = [{"org.id": "acme", "project.id": project, "region": "eu"} for project in ("a", "b")]
    points = [{"name": "calls", "unit": "By", "value": 7, "attributes": a} for a in attributes]
    points += [histogram(value=10.0, count=4, attributes=a) for a in attributes]
    points += [histogram(name="other", value=0.0, count=2, attributes=attributes[0])]
    assert export(receiver.url, export_request(points)).rejected == 0
    assert figures(receiver) == [("calls", "34", 10), ("other", "0", 2)]
    by_project = [("calls", "17", 5), ("calls", "17", 5), ("other", "0", 2)]
    assert figures(receiver, groupBy="type,project,day") == by_project
    assert figures(receiver, groupBy="type,region,project") == by_project
    assert figures(receiver, **{"attr.region": "us"}) == []


BAD = {
    "sum_missing": {"value": None},
    "negative": {"value": -1.0},
    "not_a_number": {"value": float("inf")},
    "count_out_of_range": {"value": 1.0, "count": 2**63},
    "too_old": {"value": 1.0, "end": now_ns() - 30 * 86_400 * SECOND},
    "missing_org": {"value": 1.0, "attributes": {}},
    "temporality_unspecified": {"value": 1.0, "temporality": 0},
}


@pytest.mark.parametrize("reason", BAD)
@pytest.mark.parametrize("in_json", [False, True])
def test_a_bad_histogram_between_good_ones_is_refused_as_one_point(receiver, reason, in_json):
    goods = [histogram(value=1.0, count=1, attributes={"org.id": "acme", "n": n}) for n in (1, 2)]
    request = export_request([goods[0], histogram(**({"attributes": {"org.id": "acme"}} | BAD[reason])), goods[1]])
    if in_json:
        reply = post(receiver.url + "/v1/metrics", as_json(request), JSON)
        assert reply.json["partialSuccess"]["rejectedDataPoints"] == "1"
    else:
        assert export(receiver.url, request).rejected == 1
    assert figures(receiver) == [("calls", "2", 2)]
    [kept] = quarantined(receiver)
    assert kept["reason"] == reason
    [metric] = kept["request"]["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]
    assert len(metric["histogram"]["dataPoints"]) == 1


@pytest.mark.parametrize(
    ("fields", "expected"),
    [({"count": "3", "sum": 1.5}, [("m", "1.5", 3)]), ({"count": 3, "sum": "1.5"}, [("m", "1.5", 3)]),
     ({"sum": 2}, [("m", "2", 0)]), ({"count": 3, "sum": None}, "sum_missing"), ({"count": 3}, "sum_missing"),
     ({"count": 3, "sum": "NaN"}, "not_a_number"), ({"count": 3, "sum": "Infinity"}, "not_a_number"),
     ({"count": "x", "sum": 1}, "malformed"), ({"count": -1, "sum": 1}, "malformed"),
     ({"count": 3, "sum": 10**400}, "malformed"), ({"count": str(2**63), "sum": 1}, "count_out_of_range")],
)  # fmt: skip
def test_json_may_write_sum_and_count_in_every_way_that_otlp_allows(receiver, fields, expected):
    attributes = [{"key": "org.id", "value": {"stringValue": "acme"}}]
    point = {"timeUnixNano": str(now_ns()), "attributes": attributes} | fields
    metric = {"name": "m", "histogram": {"aggregationTemporality": 1, "dataPoints": [point]}}
    body = json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}).encode()
    assert post(receiver.url + "/v1/metrics", body, JSON).status == 200
    if isinstance(expected, str):
        assert [kept["reason"] for kept in quarantined(receiver)] == [expected]
        assert figures(receiver) == []
    else:
        assert figures(receiver) == expected


@pytest.mark.parametrize("in_json", [False, True])
def test_a_staleness_mark_of_a_histogram_carries_no_usage(receiver, in_json):
    request = export_request([histogram(value=None, count=0), histogram("exponential_histogram", value=5.0)])
    for metric, kind in zip(request.resource_metrics[0].scope_metrics[0].metrics, KINDS, strict=True):
        getattr(metric, kind).data_points[0].flags = 1
    if in_json:
        assert post(receiver.url + "/v1/metrics", as_json(request), JSON).json == {}
    else:
        assert export(receiver.url, request).rejected == 0
    assert figures(receiver) == []
    assert get(receiver.url + "/healthz").json["counts"]["points.stale"] == 2


@pytest.mark.parametrize(("value", "count"), [(5.0, 3), (4.0, 9), (5.0, 9)])
def test_another_histogram_of_the_same_identity_is_one_conflict_and_the_first_stays(receiver, value, count):
    end = now_ns()
    assert export(receiver.url, export_request([histogram(value=4.0, count=3, end=end)])).rejected == 0
    for _ in range(2):
        assert export(receiver.url, export_request([histogram(value=value, count=count, end=end)])).rejected == 1
    assert figures(receiver) == [("calls", "4", 3)]
    [kept] = quarantined(receiver)
    assert (kept["reason"], kept["times"], kept["orgId"]) == ("conflict", 2, "acme")
    [metric] = kept["request"]["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]
    [point] = metric["histogram"]["dataPoints"]
    assert (point["sum"], point["count"]) == (value, str(count))


def test_a_refused_histogram_is_replayed_whole_when_the_cause_is_gone(start_receiver):
    receiver = start_receiver("--late-seconds-max", "60")
    old = now_ns() - 3600 * SECOND
    window = {"from_": "2026-01-01", "to": "2036-01-01"}
    request = export_request([histogram(kind, name=kind, value=2.5, count=3, end=old) for kind in KINDS])
    assert export(receiver.url, request).rejected == 2
    assert receiver.stop() == 0
    receiver = start_receiver()
    replayed = post(receiver.url + "/api/v1/quarantine/replay", b"", JSON).json["points"]
    assert [point["outcome"] for point in replayed] == ["accepted", "accepted"]
    assert figures(receiver, **window) == [("exponential_histogram", "2.5", 3), ("histogram", "2.5", 3)]
    assert export(receiver.url, request).rejected == 0
    assert totals(receiver.url, **window) == {"exponential_histogram": "2.5", "histogram": "2.5"}


def test_the_books_agree_about_histograms_and_a_rebuild_changes_nothing(receiver, database_url):
    points = [histogram(kind, value=1.25 * n, count=n) for kind in KINDS for n in (1, 2)]
    assert export(receiver.url, export_request(points)).rejected == 0
    before = usage(receiver.url, groupBy="type,hour")
    for command in ("verify", "rebuild", "verify"):
        done = run_cli(command, "--database-url", database_url)
        assert done.returncode == 0, done.stdout + done.stderr
    assert usage(receiver.url, groupBy="type,hour") == before
