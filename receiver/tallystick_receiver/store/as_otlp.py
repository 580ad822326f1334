"""Points in conflict -> OTLP requests of one point, from what the dictionaries know of them."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

from tallystick.quantity import Quantity
from tallystick.refusal import MEANING, Reason
from tallystick.semconv import (
    ORG_ID,
    PROJECT_ID,
    SERVICE_INSTANCE_ID,
    SERVICE_NAME,
    SERVICE_NAMESPACE,
)
from tallystick_receiver.identity import LEVEL, Stream, Writer
from tallystick_receiver.points import Points, RefusedPoint
from tallystick_receiver.store.statements import statement

if TYPE_CHECKING:
    import asyncpg


async def refused_points(
    connection: asyncpg.Connection, points: Points, reason: Reason, credential_org: str | None
) -> list[RefusedPoint]:
    """The points as the quarantine keeps them."""
    columns = (points.org_id.tolist(), points.series_id.tolist(), points.writer_id.tolist())
    rows = await connection.fetch(statement("read_identities"), *columns)
    known = {(row["series_id"], row["writer_id"]): _identities(row) for row in rows}
    return [
        refused_point(
            *known[int(points.series_id[n]), int(points.writer_id[n])],
            points,
            n,
            reason,
            credential_org,
        )
        for n in range(len(points))
    ]


def refused_point(
    stream: Stream,
    writer: Writer,
    points: Points,
    position: int,
    reason: Reason,
    credential_org: str | None,
) -> RefusedPoint:
    """One point of `points` as the quarantine keeps it."""
    return RefusedPoint(
        reason=reason,
        detail=MEANING[reason],
        body=_request(stream, writer, points, position).SerializeToString(),
        encoding="protobuf",
        org=stream.org,
        credential_org=credential_org,
    )


def _identities(row: asyncpg.Record) -> tuple[Stream, Writer]:
    _, org, project, key, unit, kind, dimensions = json.loads(row["identity"])
    stream = Stream(
        org=org, project=project, metric=key, unit=unit, kind=kind,
        dimensions=[(name, value) for name, value in dimensions], scope=row["scope"],
    )  # fmt: skip
    writer = Writer(
        credential_org=row["credential_org"],
        namespace=row["namespace"],
        name=row["name"],
        instance=row["instance"],
    )
    return stream, writer


def _request(stream: Stream, writer: Writer, points: Points, position: int) -> ExportMetricsServiceRequest:
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
    metric = scope_metrics.metrics.add(name=stream.metric, unit=stream.unit)
    if stream.kind == LEVEL:
        point = metric.gauge.data_points.add()
    else:
        metric.sum.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
        metric.sum.is_monotonic = True
        point = metric.sum.data_points.add()
    point.start_time_unix_nano = int(points.start_ns[position])
    point.time_unix_nano = int(points.end_ns[position])
    quantity = Quantity(int(points.mantissa[position]), int(points.exponent[position]))
    if quantity.exponent == 0:
        point.as_int = quantity.mantissa
    else:
        point.as_double = float(quantity.to_decimal())
    inherited = (SERVICE_NAME, ["s", writer.name])
    attributes = [
        (ORG_ID, ["s", stream.org]),
        *(pair for pair in stream.dimensions if pair != inherited),
    ]
    if stream.project is not None:
        attributes.append((PROJECT_ID, ["s", stream.project]))
    point.attributes.extend(_pair(key, value) for key, value in attributes)
    return request


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
