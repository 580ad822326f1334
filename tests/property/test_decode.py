"""Our decoders against the real protobuf library: what it reads is what we count, in both encodings."""

import random
import struct
from datetime import UTC, datetime

import pytest
from google.protobuf.json_format import MessageToJson
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from tallystick.quantity import quantity_of
from tallystick_receiver.admission import TimeLimits
from tallystick_receiver.errors import Malformed
from tallystick_receiver.otlp.decode import JSON, PROTOBUF, decode
from tallystick_receiver.points import Points
from tallystick_receiver.streams import Streams

NOW = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp()) * 10**9
LIMITS = TimeLimits(now_ns=NOW, late_ns=NOW, ahead_ns=10**18)

text = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=8)
scalar = st.one_of(
    st.tuples(st.just("string_value"), text),
    st.tuples(st.just("bool_value"), st.booleans()),
    st.tuples(st.just("int_value"), st.integers(-(2**63), 2**63 - 1)),
    st.tuples(st.just("double_value"), st.floats(allow_nan=False)),
    st.tuples(st.just("bytes_value"), st.binary(max_size=5)),
)
point = st.fixed_dictionaries({
    "org": st.sampled_from(["acme", "globex"]),
    "start": st.sampled_from([0, 1, NOW - 5]),
    "end": st.integers(1, NOW),
    "value": st.one_of(st.integers(0, 2**63 - 1), st.floats(0, 1e15, allow_nan=False)),
    "attributes": st.dictionaries(st.sampled_from(["a", "b", "ключ", "x" * 130]), scalar, max_size=4),
    "exemplar": st.booleans(),
    "stale": st.sampled_from([False, False, False, True]),
})  # fmt: skip
metric = st.tuples(
    st.sampled_from(["m1", "M1", "m2"]), st.sampled_from(["", "By"]),
    st.sampled_from(["gauge", "sum", "sum", "histogram", "exponential_histogram"]), st.sampled_from([1, 2]),
    st.lists(point, max_size=4),
)  # fmt: skip
requests = st.lists(st.tuples(st.sampled_from(["", "i1", "i2"]), st.lists(metric, max_size=3)), max_size=3)


def request_of(found):
    request = ExportMetricsServiceRequest()
    for instance, metrics in found:
        resource_metrics = request.resource_metrics.add()
        resource_metrics.resource.attributes.add(key="service.name").value.string_value = "app"
        if instance:
            resource_metrics.resource.attributes.add(key="service.instance.id").value.string_value = instance
        scope_metrics = resource_metrics.scope_metrics.add()
        for name, unit, shape, temporality, points in metrics:
            message = scope_metrics.metrics.add(name=name, unit=unit, description="ignored")
            content = getattr(message, shape)
            content.SetInParent()
            if shape != "gauge":
                content.aggregation_temporality = temporality
            if shape == "sum":
                content.is_monotonic = True
            add_points(content, points)
    return request


def add_points(target, points):
    for found in points:
        number = target.data_points.add(start_time_unix_nano=found["start"], time_unix_nano=found["end"])
        if hasattr(number, "sum"):
            number.sum, number.count = float(found["value"]), found["start"] % 1000
            number.max = number.sum
        elif isinstance(found["value"], float):
            number.as_double = found["value"]
        else:
            number.as_int = found["value"]
        number.attributes.add(key="org.id").value.string_value = found["org"]
        for key, (field, value) in found["attributes"].items():
            setattr(number.attributes.add(key=key).value, field, value)
        if found["exemplar"]:
            number.exemplars.add(as_int=1, trace_id=b"t" * 16, span_id=b"s" * 8)
        number.flags = int(found["stale"])


def expected(request):
    """(instance, metric, unit, kind, org, attributes, start, end, value) of every point, as the library has it; a
    histogram is two. Temporality is one of the attributes.
    """
    rows = []
    for resource_metrics in request.resource_metrics:
        resource = {pair.key: pair.value.string_value for pair in resource_metrics.resource.attributes}
        for scope_metrics in resource_metrics.scope_metrics:
            for message in scope_metrics.metrics:
                shape = message.WhichOneof("data")
                content = getattr(message, shape)
                for number in content.data_points:
                    if number.flags & 1:
                        continue
                    if shape in ("gauge", "sum"):
                        values = {shape: getattr(number, number.WhichOneof("value"))}
                    else:
                        values = {"histogram": number.sum, "operations": number.count}
                    attributes = {
                        pair.key: pair.value.SerializeToString(deterministic=True)
                        for pair in number.attributes
                        if pair.key != "org.id"
                    }
                    org = next(p.value.string_value for p in number.attributes if p.key == "org.id")
                    instance = resource.get("service.instance.id", "")
                    is_cumulative = shape != "gauge" and content.aggregation_temporality == 2
                    for kind, value in values.items():
                        quantity = quantity_of(value)
                        rows.append((
                            instance, message.name.lower(), message.unit, kind, org,
                            (is_cumulative, *sorted(attributes.items())),
                            0 if kind == "gauge" else number.start_time_unix_nano,
                            number.time_unix_nano, quantity.mantissa, quantity.exponent,
                        ))  # fmt: skip
    return rows


def decoded(content, encoding, streams):
    batch = decode(content, encoding, streams=streams, credential_org=None, limits=LIMITS, points_max=10_000)
    assert batch.refused == []
    points = Points.join([batch.points, batch.cumulative])
    columns = (points.writer_id, points.metric_id, points.is_level, points.org_id, points.series_id, points.start_ns,
               points.end_ns, points.mantissa, points.exponent)  # fmt: skip
    return sorted(zip(*(column.tolist() for column in columns), strict=True))


def same_partition(rows, ids):
    """Equal identities have equal ids, different ones different ids, and the numbers agree."""
    numbers = sorted((row[3] == "gauge", *row[6:]) for row in rows)
    assert numbers == sorted((i[2], *i[5:]) for i in ids)
    identities = {(row[1], row[2], row[3], row[4], row[5]) for row in rows}
    assert len(identities) == len({i[4] for i in ids})
    assert len({row[0] for row in rows}) == len({i[0] for i in ids})
    assert len({row[4] for row in rows}) == len({i[3] for i in ids})
    assert len({row[1:4] for row in rows}) == len({i[1] for i in ids})


@given(requests)
def test_protobuf_is_read_as_the_library_reads_it_at_first_and_at_second_sight(found):
    request, streams = request_of(found), Streams()
    content = request.SerializeToString()
    first = decoded(content, PROTOBUF, streams)
    same_partition(expected(request), first)
    assert decoded(content, PROTOBUF, streams) == first


@given(requests)
def test_json_and_protobuf_give_the_same_ids_and_numbers(found):
    request = request_of(found)
    content = MessageToJson(request, use_integers_for_enums=True).encode()
    streams = Streams()
    assert decoded(content, JSON, streams) == decoded(request.SerializeToString(), PROTOBUF, Streams())
    assert decoded(content, JSON, streams) == decoded(content, JSON, streams)


def shuffled(content, chance):
    """The same message with the fields of every point in another order: legal, and no SDK does it."""
    request = ExportMetricsServiceRequest.FromString(content)
    out = b""
    for number in request.resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points:
        fields = [
            b"\x11" + struct.pack("<Q", number.start_time_unix_nano),
            b"\x19" + struct.pack("<Q", number.time_unix_nano),
            b"\x31" + struct.pack("<q", number.as_int),
            *(b"\x3a" + bytes([len(p)]) + p for p in (a.SerializeToString() for a in number.attributes)),
        ]  # fmt: skip
        chance.shuffle(fields)
        body = b"".join(fields)
        out += b"\x0a" + bytes([len(body)]) + body
    data = out + b"\x10\x01\x18\x01"
    message = b"\x0a\x01m\x3a" + length(data) + data
    scope = b"\x12" + length(message) + message
    return b"\x0a" + length(b"\x12" + length(scope) + scope) + b"\x12" + length(scope) + scope


def length(content):
    size, out = len(content), bytearray()
    while size > 0x7F:
        out.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([*out, size])


@given(st.integers(0, 10**6))
@settings(max_examples=30)
def test_fields_in_another_order_mean_the_same(seed):
    points = [{"org": "acme", "start": 1, "end": 10 + n, "value": n, "attributes": {"a": ("string_value", str(n % 2))},
               "exemplar": False, "stale": False} for n in range(6)]  # fmt: skip
    content = request_of([("", [("m", "", "sum", 1, points)])])
    del content.resource_metrics[0].resource.attributes[:]
    usual, streams = content.SerializeToString(), Streams()
    assert decoded(usual, PROTOBUF, streams) == decoded(shuffled(usual, random.Random(seed)), PROTOBUF, streams)


@given(st.binary(max_size=200))
def test_any_bytes_are_malformed_or_a_request(content):
    for encoding in (PROTOBUF, JSON):
        try:
            decode(content, encoding, streams=Streams(), credential_org=None, limits=LIMITS, points_max=1000)
        except Malformed:
            continue


@given(requests, st.data())
def test_a_request_cut_short_is_malformed_or_has_no_more_points(found, data):
    request = request_of(found)
    content = request.SerializeToString()
    cut = content[: data.draw(st.integers(0, len(content)))]
    try:
        batch = decode(cut, PROTOBUF, streams=Streams(), credential_org=None, limits=LIMITS, points_max=1000)
    except Malformed:
        return
    assert len(batch.points) + len(batch.cumulative) <= len(expected(request))


def test_more_points_than_allowed_are_malformed():
    points = [
        {"org": "a", "start": 0, "end": 5, "value": n, "attributes": {}, "exemplar": False, "stale": False}
        for n in range(9)
    ]
    content = request_of([("", [("m", "", "sum", 1, points)])]).SerializeToString()
    with pytest.raises(Malformed, match="more than 5"):
        decode(content, PROTOBUF, streams=Streams(), credential_org=None, limits=LIMITS, points_max=5)
