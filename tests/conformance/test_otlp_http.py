"""OTLP/HTTP, row by row of the checklist for a metrics server (OTLP specification 1.11, "OTLP/HTTP")."""

import gzip
import http.client
import json
import socket
import zlib
from contextlib import closing

import pytest
import zstandard
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from otlp import JSON, PROTOBUF, SECOND, export, export_request, get, now_ns, post, totals
from waiting import wait_until

BAD = {"name": "bad", "attributes": {}}


def good(value=1):
    return {"name": "good", "value": value, "attributes": {"org.id": "acme", "v": value}}


def body(*points):
    return export_request(list(points)).SerializeToString()


def json_body(*values):
    points = [
        {
            "timeUnixNano": str(now_ns()),
            "asInt": str(value),
            "attributes": [attribute("org.id", "acme"), attribute("v", str(value))],
        }
        for value in values
    ]
    metric = {
        "name": "good",
        "unit": "{request}",
        "sum": {"aggregationTemporality": 1, "isMonotonic": True, "dataPoints": points},
    }
    return {"resourceMetrics": [{"resource": {}, "scopeMetrics": [{"scope": {}, "metrics": [metric]}]}]}


def attribute(key, value):
    return {"key": key, "value": {"stringValue": value}}


def status_of(reply):
    """The google.rpc.Status of an error, in the request's content type."""
    if reply.headers["Content-Type"] == JSON:
        found = reply.json
        assert set(found) == {"code", "message"}
        return found["message"]
    assert reply.headers["Content-Type"] == PROTOBUF
    status = Status.FromString(reply.body)
    assert status.code > 0
    return status.message


@pytest.mark.parametrize("path", ["/v1/metrics", "/v1/metrics/"])
def test_the_default_path_is_served_with_and_without_a_slash(receiver, path):
    assert post(receiver.url + path, body(good())).status == 200


def test_another_path_can_be_configured(start_receiver):
    receiver = start_receiver("--metrics-path", "/otlp/metrics")
    assert post(receiver.url + "/otlp/metrics", body(good())).status == 200
    missing = post(receiver.url + "/v1/metrics", body(good()))
    assert (missing.status, bool(status_of(missing))) == (404, True)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_other_methods_are_refused_with_allow_and_a_status(receiver, method):
    with closing(http.client.HTTPConnection("127.0.0.1", receiver.port)) as connection:
        connection.request(method, "/v1/metrics")
        response = connection.getresponse()
        assert (response.status, response.headers["Allow"]) == (405, "POST")
        assert Status.FromString(response.read()).message


@pytest.mark.parametrize("content_type", [PROTOBUF, "Application/X-Protobuf", "application/x-protobuf; q=1"])
def test_protobuf_is_answered_in_protobuf_without_a_charset(receiver, content_type):
    reply = post(receiver.url + "/v1/metrics", body(good()), content_type)
    assert (reply.status, reply.headers["Content-Type"], reply.body) == (200, PROTOBUF, b"")


@pytest.mark.parametrize("content_type", [JSON, "APPLICATION/JSON", "application/json; charset=utf-8"])
def test_json_is_answered_in_json_without_a_charset(receiver, content_type):
    reply = post(receiver.url + "/v1/metrics", json.dumps(json_body(1)).encode(), content_type)
    assert (reply.status, reply.headers["Content-Type"], reply.json) == (200, JSON, {})
    assert totals(receiver.url) == {"good": "1"}


@pytest.mark.parametrize("content_type", ["text/plain", "application/octet-stream", "application/xml"])
def test_an_unknown_content_type_is_415(receiver, content_type):
    assert post(receiver.url + "/v1/metrics", body(good()), content_type).status == 415


@pytest.mark.parametrize(
    ("content", "content_type"), [(b"", PROTOBUF), (b"{}", JSON), (b'{"resourceMetrics":[]}', JSON)]
)
def test_an_empty_request_succeeds(receiver, content, content_type):
    assert post(receiver.url + "/v1/metrics", content, content_type).status == 200


def test_partial_success_counts_points_and_says_why_in_both_encodings(receiver):
    reply = post(receiver.url + "/v1/metrics", body(good(), BAD, BAD))
    partial = ExportMetricsServiceResponse.FromString(reply.body).partial_success
    assert (reply.status, partial.rejected_data_points) == (200, 2)
    assert "missing_org" in partial.error_message
    request = json_body(2)
    points = request["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0]["sum"]["dataPoints"]
    points.append({"timeUnixNano": "1", "asInt": 1})
    answer = post(receiver.url + "/v1/metrics", json.dumps(request).encode(), JSON).json["partialSuccess"]
    assert (answer["rejectedDataPoints"], "missing_org" in answer["errorMessage"]) == ("1", True)
    assert totals(receiver.url) == {"good": "3"}


@pytest.mark.parametrize(
    ("content", "content_type"), [(b"\xff\xff\xff", PROTOBUF), (b"{", JSON), (b"[]", JSON), (b"1", JSON)]
)
def test_an_undecodable_body_is_400_with_a_status(receiver, content, content_type):
    reply = post(receiver.url + "/v1/metrics", content, content_type)
    assert (reply.status, bool(status_of(reply))) == (400, True)


def two_members(content):
    return gzip.compress(content[:10]) + gzip.compress(content[10:])


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [("gzip", gzip.compress), ("gzip", two_members), ("GZIP", gzip.compress), ("deflate", zlib.compress),
     ("zstd", zstandard.compress), ("identity", bytes)],
)  # fmt: skip
def test_compressed_bodies_are_read(receiver, encoding, compress):
    reply = post(receiver.url + "/v1/metrics", compress(body(good(5))), Content_Encoding=encoding)
    assert reply.status == 200
    assert totals(receiver.url) == {"good": "5"}


def test_an_unknown_content_encoding_is_415_with_a_status(receiver):
    reply = post(receiver.url + "/v1/metrics", body(good()), Content_Encoding="br")
    assert (reply.status, "br" in status_of(reply)) == (415, True)


def test_a_chunked_body_on_a_kept_connection_is_read(receiver):
    with closing(http.client.HTTPConnection("127.0.0.1", receiver.port)) as connection:
        for value in (1, 2):
            content = gzip.compress(body(good(value)))
            chunks = (content[n : n + 7] for n in range(0, len(content), 7))
            headers = {"Content-Type": PROTOBUF, "Content-Encoding": "gzip"}
            connection.request("POST", "/v1/metrics", chunks, headers, encode_chunked=True)
            response = connection.getresponse()
            assert (response.status, response.read()) == (200, b"")
    assert totals(receiver.url) == {"good": "3"}


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_body_over_the_limit_is_413_before_and_after_decompression(start_receiver, encoding):
    receiver = start_receiver("--body-bytes-max", "100000", "--large-body-bytes", "50000")
    content = body(*[good(n) for n in range(2_000)])
    assert len(content) > 100_000
    content = gzip.compress(content) if encoding == "gzip" else content
    reply = post(receiver.url + "/v1/metrics", content, Content_Encoding=encoding)
    assert (reply.status, "100000" in status_of(reply)) == (413, True)
    assert post(receiver.url + "/v1/metrics", body(good())).status == 200


def test_a_body_just_under_the_limit_is_taken_whole(start_receiver):
    receiver = start_receiver("--body-bytes-max", "1000000", "--large-body-bytes", "1000")
    end = now_ns()
    ways = ((bytes, "identity"), (gzip.compress, "gzip"), (zstandard.compress, "zstd"))
    for number, (compress, encoding) in enumerate(ways):
        content = compress(body(*[good(n) | {"end": end - number * SECOND} for n in range(3_000)]))
        assert post(receiver.url + "/v1/metrics", content, Content_Encoding=encoding).status == 200
    assert totals(receiver.url) == {"good": str(3 * sum(range(3_000)))}


def test_what_may_heal_is_503_with_retry_after_two(start_receiver):
    receiver = start_receiver("--points-waiting-max", "1", "--answer-seconds-max", "0.000001")
    reply = post(receiver.url + "/v1/metrics", body(good()))
    assert (reply.status, reply.headers["Retry-After"]) == (503, "2")
    assert status_of(reply)


def test_unknown_fields_are_ignored_in_both_encodings(receiver):
    unknown = bytes([0xF8, 0x3E, 0x01])  # field 1007, a varint
    assert post(receiver.url + "/v1/metrics", body(good(1)) + unknown).status == 200
    request = json_body(2)
    request["future"] = {"a": [1]}
    request["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0]["future"] = 1
    assert post(receiver.url + "/v1/metrics", json.dumps(request).encode(), JSON).json == {}
    assert totals(receiver.url) == {"good": "3"}


def test_hex_ids_of_exemplars_and_all_ways_to_write_a_number_are_read_in_json(receiver):
    request = json_body(7)
    [point] = request["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0]["sum"]["dataPoints"]
    point["exemplars"] = [{"traceId": "5B8EFFF798038103D269B633813FC60C", "spanId": "eee19b7ec3c1b174", "asInt": 7}]
    point |= {"asInt": 7, "timeUnixNano": now_ns(), "startTimeUnixNano": str(now_ns() - SECOND)}
    assert post(receiver.url + "/v1/metrics", json.dumps(request).encode(), JSON).json == {}
    assert totals(receiver.url) == {"good": "7"}


def test_the_same_point_in_protobuf_and_in_json_is_one_point(receiver):
    end = now_ns()
    request = json_body(4)
    resource = request["resourceMetrics"][0]
    resource["resource"] = {
        "attributes": [attribute("service.name", "test"), attribute("service.instance.id", "instance-1")]
    }
    resource["scopeMetrics"][0]["scope"] = {"name": "test"}
    [point] = resource["scopeMetrics"][0]["metrics"][0]["sum"]["dataPoints"]
    point |= {"timeUnixNano": str(end), "startTimeUnixNano": str(end - 10 * SECOND)}
    resource["scopeMetrics"][0]["metrics"][0]["unit"] = "{request}"
    same = {"name": "good", "value": 4, "end": end, "attributes": {"org.id": "acme", "v": "4"}}
    assert post(receiver.url + "/v1/metrics", json.dumps(request).encode(), JSON).json == {}
    assert export(receiver.url, export_request([same])).rejected == 0
    assert totals(receiver.url) == {"good": "4"}
    assert get(receiver.url + "/healthz").json["counts"]["points.duplicate"] == 1


PROBLEMS = {
    "/nowhere": 404,
    "/api/usage?tz=Nowhere": 400,
    "/api/usage?nonsense=1": 400,
    "/api/usage?from=2026-13-01": 400,
    "/api/usage?from=0001-01-01&tz=Asia/Tokyo": 400,
    "/api/usage?from=2026-02-01&to=2026-01-01": 400,
    "/api/usage?orgId=%00": 400,
    "/api/usage?groupBy=a%00": 400,
    "/api/usage?projectId=x": 400,
    "/api/v1/quarantine?limit=0": 400,
    "/api/v1/quarantine?cursor=WyIyMDI2LTAxLTAxIiwxZTMwXQ==": 400,
    "/api/v1/quarantine/x": 404,
}


@pytest.mark.parametrize("path", PROBLEMS)
def test_errors_elsewhere_are_problem_json(receiver, path):
    reply = get(receiver.url + path)
    assert (reply.status, reply.headers["Content-Type"].split(";")[0]) == (PROBLEMS[path], "application/problem+json")
    assert reply.json["detail"]


def test_a_body_that_stalls_is_503_so_that_it_is_sent_again_and_holds_nobody_up(start_receiver):
    receiver = start_receiver("--body-seconds-max", "2", "--large-body-bytes", "1000")
    head = f"POST /v1/metrics HTTP/1.1\r\nHost: x\r\nContent-Type: {PROTOBUF}\r\nContent-Length: 9000\r\n\r\n"
    with socket.create_connection(("127.0.0.1", receiver.port)) as stalled:
        stalled.sendall(head.encode() + bytes(5000))
        assert post(receiver.url + "/v1/metrics", body(good())).status == 200
        assert stalled.recv(100).startswith(b"HTTP/1.1 503 ")
    content = body(*[good(n) for n in range(100)])
    assert post(receiver.url + "/v1/metrics", content).status == 200


def test_a_staleness_mark_is_accepted_and_carries_no_usage(receiver):
    request = export_request([good(5)])
    request.resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points[0].flags = 1
    assert export(receiver.url, request).body == b""
    assert totals(receiver.url) == {}
    assert get(receiver.url + "/healthz").json["counts"]["points.stale"] == 1


@pytest.mark.parametrize("path", ["/v1/traces", "/v1/logs"])
def test_what_is_not_metrics_is_404_and_says_where_metrics_are_received(receiver, path):
    reply = post(receiver.url + path, b"{}", JSON)
    assert (reply.status, reply.json["message"]) == (404, "only metrics are received here, at /v1/metrics")


def test_grpc_is_told_of_in_one_line_of_the_log_that_says_what_to_send_instead(receiver):
    with socket.create_connection(("127.0.0.1", receiver.port)) as grpc:
        grpc.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000"))
        wait_until(lambda: "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf" in receiver.log, what="the line of the log")
    assert "Traceback" not in receiver.log
    assert post(receiver.url + "/v1/metrics", body(good())).status == 200


def test_what_cannot_be_read_as_http_leaves_no_trace_in_the_log(receiver):
    with socket.create_connection(("127.0.0.1", receiver.port)) as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\nno header at all\r\n\r\n")
        wait_until(lambda: "speaks no HTTP/1.1" in receiver.log, what="the line of the log")
    assert "Traceback" not in receiver.log
