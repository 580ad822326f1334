"""Points in conflict -> OTLP requests of one point, from what the dictionaries know of them."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric

from tallystick.quantity import Quantity
from tallystick.refusal import MEANING, Reason
from tallystick.semconv import (
    KIND_HISTOGRAM,
    KIND_LEVEL,
    KIND_OPERATIONS,
    ORG_ID,
    PROJECT_ID,
    SERVICE_INSTANCE_ID,
    SERVICE_NAME,
    SERVICE_NAMESPACE,
)
from tallystick_receiver.identity import Stream, Writer, id_of
from tallystick_receiver.points import Points, RefusedPoint
from tallystick_receiver.store.histogram_pairs import Histogram, histograms_of, sum_series_of
from tallystick_receiver.store.statements import statement

if TYPE_CHECKING:
    import asyncpg


@dataclass(frozen=True, slots=True, kw_only=True)
class Identities:
    """What the ids of points stand for."""

    streams: dict[int, Stream]
    writers: dict[int, Writer]


async def refused_points(
    connection: asyncpg.Connection, points: Points, reason: Reason, credential_org: str | None, *, beside: Points
) -> list[RefusedPoint]:
    """The points as the quarantine keeps them.

    Args:
        connection: where the dictionaries are.
        points: what is refused.
        reason: why.
        credential_org: the organisation that the sender's key is bound to.
        beside: all points of the same request; the sum of a histogram whose count is refused is there.
    """
    columns = (points.org_id.tolist(), points.series_id.tolist(), points.writer_id.tolist())
    rows = await connection.fetch(statement("read_identities"), *columns)
    known = [(row, *_identities(row)) for row in rows]
    identities = Identities(
        streams={row["series_id"]: stream for row, stream, _ in known},
        writers={row["writer_id"]: writer for row, _, writer in known},
    )
    return as_refused(points, identities, reason, credential_org, beside=beside)


def as_refused(
    points: Points, identities: Identities, reason: Reason, credential_org: str | None, *, beside: Points
) -> list[RefusedPoint]:
    """As `refused_points`, for points whose identities are known; a histogram is one point again."""
    streams, writers = identities.streams, identities.writers
    made = []
    for position, (series_id, writer_id) in enumerate(
        zip(points.series_id.tolist(), points.writer_id.tolist(), strict=True)
    ):
        stream = streams[series_id]
        if stream.kind not in (KIND_HISTOGRAM, KIND_OPERATIONS):
            made.append((stream, _number_request(stream, writers[writer_id], points, position)))
    by_sums = {sum_series_of(s): s for s in streams.values() if s.kind in (KIND_HISTOGRAM, KIND_OPERATIONS)}
    for histogram in histograms_of(points, streams, beside):
        stream = by_sums[histogram.series_id]
        made.append((stream, _histogram_request(stream, writers[histogram.writer_id], histogram)))
    return [
        RefusedPoint(
            reason=reason, detail=MEANING[reason], body=request.SerializeToString(), encoding="protobuf",
            org=stream.org, credential_org=credential_org,
        )
        for stream, request in made
    ]  # fmt: skip


def _identities(row: asyncpg.Record) -> tuple[Stream, Writer]:
    _, org, project, key, unit, kind, dimensions = json.loads(row["identity"])
    stream = Stream(
        org=org, project=project, metric=key, unit=unit, kind=kind,
        dimensions=[(name, value) for name, value in dimensions], scope=row["scope"],
    )  # fmt: skip
    if id_of(stream.series_identity) != row["series_id"]:
        stream = replace(stream, is_cumulative=True)
    writer = Writer(
        credential_org=row["credential_org"],
        namespace=row["namespace"],
        name=row["name"],
        instance=row["instance"],
    )
    return stream, writer


def _number_request(stream: Stream, writer: Writer, points: Points, position: int) -> ExportMetricsServiceRequest:
    request, metric = _envelope(stream, writer)
    if stream.kind == KIND_LEVEL:
        point = metric.gauge.data_points.add()
    else:
        metric.sum.aggregation_temporality = _temporality(stream)
        metric.sum.is_monotonic = True
        point = metric.sum.data_points.add()
    point.start_time_unix_nano = int(points.start_ns[position])
    point.time_unix_nano = int(points.end_ns[position])
    quantity = Quantity(int(points.mantissa[position]), int(points.exponent[position]))
    if quantity.exponent == 0:
        point.as_int = quantity.mantissa
    else:
        point.as_double = float(quantity.to_decimal())
    point.attributes.extend(_attributes(stream, writer))
    return request


def _histogram_request(stream: Stream, writer: Writer, found: Histogram) -> ExportMetricsServiceRequest:
    request, metric = _envelope(stream, writer)
    metric.histogram.aggregation_temporality = _temporality(stream)
    metric.histogram.data_points.add(
        start_time_unix_nano=found.start_ns, time_unix_nano=found.end_ns, count=found.count,
        sum=float(found.sum.to_decimal()), attributes=_attributes(stream, writer),
    )  # fmt: skip
    return request


def _envelope(stream: Stream, writer: Writer) -> tuple[ExportMetricsServiceRequest, Metric]:
    name, version, scope_attributes, schema_url = json.loads(stream.scope)
    request = ExportMetricsServiceRequest()
    resource_metrics = request.resource_metrics.add()
    for attribute, text in (
        (SERVICE_NAMESPACE, writer.namespace), (SERVICE_NAME, writer.name), (SERVICE_INSTANCE_ID, writer.instance),
    ):  # fmt: skip
        if text:
            resource_metrics.resource.attributes.append(_pair(attribute, ["s", text]))
    scope_metrics = resource_metrics.scope_metrics.add(schema_url=schema_url)
    scope_metrics.scope.name, scope_metrics.scope.version = name, version
    scope_metrics.scope.attributes.extend(_pair(*pair) for pair in scope_attributes)
    return request, scope_metrics.metrics.add(name=stream.metric, unit=stream.unit)


def _temporality(stream: Stream) -> AggregationTemporality.ValueType:
    if stream.is_cumulative:
        return AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    return AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA


def _attributes(stream: Stream, writer: Writer) -> list[KeyValue]:
    inherited = (SERVICE_NAME, ["s", writer.name])
    attributes = [(ORG_ID, ["s", stream.org]), *(pair for pair in stream.dimensions if pair != inherited)]
    if stream.project is not None:
        attributes.append((PROJECT_ID, ["s", stream.project]))
    return [_pair(key, value) for key, value in attributes]


def _pair(key: str, value: list[Any]) -> KeyValue:
    return KeyValue(key=key, value=_value(value))


def _value(value: list[Any]) -> AnyValue:
    tag, content = value[0], value[-1]
    found = AnyValue()
    match tag:
        case "s":
            found.string_value = content
        case "b":
            found.bool_value = content
        case "i":
            found.int_value = int(content)
        case "d":
            found.double_value = float(content)
        case "x":
            found.bytes_value = base64.b64decode(content)
        case "a":
            found.array_value.values.extend(_value(item) for item in content)
        case "k":
            found.kvlist_value.values.extend(_pair(key, item) for key, item in content)
        case _:
            pass
    return found
