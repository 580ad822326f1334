"""Bad input: a proper answer, bounded memory, and nothing else is lost."""

import gzip
import json
import random
import socket
import zlib
from pathlib import Path

import pytest
import zstandard
from otlp import JSON, PROTOBUF, SECOND, export, export_request, get, now_ns, post, totals
from waiting import wait_until

MEMORY_MAX = 400 * 2**20


@pytest.fixture
def sturdy(receiver):
    """A receiver that must still count afterwards, and must not have grown."""
    yield receiver
    assert get(receiver.url + "/healthz").status == 200
    end = now_ns() - 7 * SECOND
    assert export(receiver.url, export_request([{"name": "afterwards", "value": 3, "end": end}])).rejected == 0
    assert totals(receiver.url, type="afterwards") == {"afterwards": "3"}
    status = Path(f"/proc/{receiver.process.pid}/status").read_text()
    highest = int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024
    assert highest < MEMORY_MAX, highest


def send(receiver, content, content_type=PROTOBUF, **headers):
    return post(receiver.url + "/v1/metrics", content, content_type, **headers).status


def test_truncated_and_corrupt_compression_is_400(sturdy):
    content = export_request([{"value": 1}] * 100).SerializeToString()
    for encoding, compress in (("gzip", gzip.compress), ("deflate", zlib.compress), ("zstd", zstandard.compress)):
        whole = compress(content)
        assert send(sturdy, whole[:-5], Content_Encoding=encoding) == 400
        assert send(sturdy, whole[: len(whole) // 2], Content_Encoding=encoding) == 400
        assert send(sturdy, b"\0" * 50, Content_Encoding=encoding) == 400
        assert send(sturdy, b"", Content_Encoding=encoding) in (200, 400)


def test_a_sender_that_goes_away_in_the_middle_of_a_body_is_no_fault_of_the_receiver(receiver):
    with socket.create_connection(("127.0.0.1", receiver.port)) as connection:
        head = f"POST /v1/metrics HTTP/1.1\r\nHost: x\r\nContent-Type: {PROTOBUF}\r\nContent-Length: 100\r\n\r\n"
        connection.sendall(head.encode() + bytes(50))
        wait_until(lambda: get(receiver.url + "/healthz").json["counts"].get("requests"))
    wait_until(lambda: get(receiver.url + "/healthz").json["counts"].get("requests.unavailable"))
    assert "unforeseen" not in receiver.log
    assert totals(receiver.url) == {}


def test_a_bomb_of_ten_gigabytes_is_413(sturdy):
    zeros = bytes(64 * 2**20)
    for encoding, compress in (("gzip", gzip.compress), ("zstd", zstandard.compress)):
        content = compress(zeros) * 160
        assert len(content) < 20 * 2**20
        assert send(sturdy, content, Content_Encoding=encoding) == 413
    assert send(sturdy, zlib.compress(bytes(2 * len(zeros))), Content_Encoding="deflate") == 413


@pytest.mark.parametrize(("encoding", "compress"), [("gzip", gzip.compress), ("zstd", zstandard.compress)])
def test_many_members_are_read_and_a_million_are_refused(sturdy, encoding, compress):
    content = export_request([{"name": "good", "value": 5}]).SerializeToString()
    some = b"".join(compress(content[n : n + 1]) for n in range(len(content)))
    assert send(sturdy, some, Content_Encoding=encoding) == 200
    assert totals(sturdy.url, type="good") == {"good": "5"}
    assert send(sturdy, compress(b"") * 1_000_000, Content_Encoding=encoding) == 400


def test_bodies_of_a_hundred_megabytes_are_413(sturdy):
    assert send(sturdy, bytes(100_000_000)) == 413
    assert send(sturdy, iter([bytes(1 << 20)] * 100)) == 413


def test_random_bytes_are_400_or_harmless(sturdy):
    chance = random.Random(11)
    whole = export_request([{"value": n, "attributes": {"org.id": "a", "n": n}} for n in range(20)]).SerializeToString()
    for _ in range(150):
        assert send(sturdy, chance.randbytes(chance.randint(1, 300))) in (200, 400)
        damaged = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        assert send(sturdy, bytes(damaged)) in (200, 400)
        assert send(sturdy, bytes(damaged[: chance.randrange(len(damaged))])) in (200, 400)
        assert send(sturdy, chance.randbytes(30), JSON) == 400


def test_deep_nesting_is_refused(sturdy):
    assert send(sturdy, b"[" * 100_000, JSON) == 400
    assert send(sturdy, b'{"a":' * 100_000 + b"1" + b"}" * 100_000, JSON) == 400
    request = export_request([{"value": 1}])
    value = request.resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points[0].attributes.add(key="deep").value
    for _ in range(60):
        value = value.array_value.values.add()
    reply = export(sturdy.url, request)
    assert (reply.status, reply.rejected) == (200, 1)


def test_a_million_attributes_cost_only_their_point(sturdy):
    request = export_request([{"name": "good", "value": 1}, {"name": "bad", "value": 1}])
    point = request.resource_metrics[0].scope_metrics[0].metrics[1].sum.data_points[0]
    for n in range(1_000_000):
        point.attributes.add(key=str(n))
    assert export(sturdy.url, request).rejected == 1
    assert totals(sturdy.url, type="good") == {"good": "1"}
    request = export_request([{"name": "bad", "value": 1}])
    for n in range(1_000_000):
        request.resource_metrics[0].resource.attributes.add(key=str(n))
    assert export(sturdy.url, request).rejected == 1


def test_a_million_empty_points_are_answered(sturdy):
    request = export_request([{"name": "bad"}])
    metric = request.resource_metrics[0].scope_metrics[0].metrics[0]
    for _ in range(1_100_000):
        metric.sum.data_points.add()
    assert send(sturdy, request.SerializeToString()) == 400


def damaged(point, old, new):
    content = export_request([{"name": "good", "value": 2}, point]).SerializeToString()
    assert content.count(old) == 1
    assert len(old) == len(new)
    return content.replace(old, new)


OLD, AHEAD = now_ns() - 30 * 86_400 * SECOND, now_ns() + 86_400 * SECOND
BAD_POINTS = {
    "missing_org": {"attributes": {}},
    "invalid_id": {"attributes": {"org.id": True}},
    "invalid_name": {"name": "n" * 300},
    "temporality_unspecified": {"temporality": 0},
    "non_monotonic_delta": {"monotonic": False},
    "value_missing": {"value": None},
    "not_a_number": {"value": float("nan")},
    "negative": {"value": -1},
    "time_missing": {"end": 0},
    "time_out_of_range": {"end": 2**64 - 1},
    "too_old": {"end": OLD},
    "too_far_ahead": {"end": AHEAD},
    "too_many_attributes": {"attributes": {"org.id": "acme", **{str(n): 1 for n in range(70)}}},
    "attribute_too_long": {"attributes": {"org.id": "acme", "long": "x" * 2000}},
    "nul_character": {"attributes": {"org.id": "acme", "nul": "a\0b"}},
}


@pytest.mark.parametrize("reason", BAD_POINTS)
def test_a_bad_point_between_good_ones_is_refused_alone_with_its_reason(receiver, reason):
    goods = [{"name": "good", "value": n, "attributes": {"org.id": "acme", "n": n}} for n in (1, 2)]
    request = export_request([goods[0], {"name": "bad", **BAD_POINTS[reason]}, goods[1]])
    assert export(receiver.url, request).rejected == 1
    assert totals(receiver.url) == {"good": "3"}
    assert [p["reason"] for p in get(receiver.url + "/api/v1/quarantine").json["points"]] == [reason]


def test_a_summary_is_refused_and_never_miscounted(receiver):
    request = export_request([{"name": "good", "value": 1}])
    metrics = request.resource_metrics[0].scope_metrics[0].metrics
    point = metrics.add(name="summary").summary.data_points.add(time_unix_nano=now_ns(), count=1)
    point.attributes.add(key="org.id").value.string_value = "acme"
    assert export(receiver.url, request).rejected == 1
    assert totals(receiver.url) == {"good": "1"}
    [kept] = get(receiver.url + "/api/v1/quarantine").json["points"]
    assert kept["reason"] == "summary_unsupported"


@pytest.mark.parametrize(
    ("key", "old", "new", "reason"),
    [("q", b"zzzz", b"zz\xffz", "invalid_utf8"), ("org.xx", b"org.xx", b"org.id", "duplicate_attribute")],
)
def test_one_damaged_attribute_costs_one_point(receiver, key, old, new, reason):
    point = {"name": "bad", "attributes": {"org.id": "acme", key: "zzzz"}}
    assert send(receiver, damaged(point, old, new)) == 200
    assert totals(receiver.url) == {"good": "2"}
    [kept] = get(receiver.url + "/api/v1/quarantine").json["points"]
    assert kept["reason"] == reason


def test_in_json_too_a_bad_point_is_refused_alone(receiver):
    def point(value, **more):
        attributes = [{"key": "org.id", "value": {"stringValue": "acme"}}, {"key": "n", "value": {"intValue": value}}]
        return {"timeUnixNano": str(now_ns()), "asInt": value, "attributes": attributes} | more

    bad = [
        point(0, asInt="x"), point(0, asInt=None), point(0, asInt=2**63), point(0, timeUnixNano="-1"),
        point(0, asInt=None, asDouble="NaN"), point(0, attributes="nonsense"), point(0, attributes=[{"key": 5}]),
        point(0, attributes=[{"key": "org.id", "value": {"stringValue": "\ud800"}}]),
        point(0, asInt=True),
    ]  # fmt: skip
    metric = {
        "name": "m",
        "sum": {"aggregationTemporality": 1, "isMonotonic": True, "dataPoints": [point(1), *bad, point(2)]},
    }
    request = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}
    reply = post(receiver.url + "/v1/metrics", json.dumps(request).encode(), JSON)
    assert (reply.status, reply.json["partialSuccess"]["rejectedDataPoints"]) == (200, str(len(bad)))
    assert totals(receiver.url) == {"m": "3"}
    assert len(get(receiver.url + "/api/v1/quarantine").json["points"]) == len(bad)


def test_what_a_full_quarantine_cannot_keep_is_counted_as_lost(start_receiver):
    receiver = start_receiver("--quarantine-rows-max", "3")
    for first in (0, 3):
        bad = [{"name": "bad", "attributes": {"n": n}} for n in range(first, first + 3)]
        assert export(receiver.url, export_request(bad)).rejected == 3
    assert len(get(receiver.url + "/api/v1/quarantine").json["points"]) == 3
    assert get(receiver.url + "/healthz").json["counts"]["quarantine.lost"] == 3
