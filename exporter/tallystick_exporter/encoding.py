"""A piece as OTLP bytes, by OpenTelemetry's encoder; the many plain points of a metric by a shorter way; pure.

OpenTelemetry's encoder makes two objects an attribute, 13 us a point. A point with text attributes and no exemplars
is written here as protobuf has it on the wire, and parsed into the request that the encoder made of everything else.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Any, Final

from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.sdk.metrics.export import Gauge, Metric, MetricsData, Sum

_START_AND_END: Final = struct.Struct("<BQBQ")
_AS_INT: Final = struct.Struct("<Bq")
_AS_DOUBLE: Final = struct.Struct("<Bd")
_DATA_POINTS: Final = b"\x0a"
_ATTRIBUTES: Final = b"\x3a"
_START_TAG, _END_TAG, _INT_TAG, _DOUBLE_TAG = 0x11, 0x19, 0x31, 0x21
"""Fields 1, 7, 2, 3, 6 and 4 of metrics.proto's Sum, Gauge and NumberDataPoint, with their wire types."""


def encoded(piece: MetricsData) -> bytes:
    """The serialized ExportMetricsServiceRequest: what `encode_metrics` makes of the piece.

    Raises:
        Exception: a point cannot be encoded; OpenTelemetry's encoder raises what protobuf raises, and more.
    """
    try:
        request = _merged(piece)
    except (UnicodeEncodeError, struct.error):
        # What the encoder does about such a point, it does better by itself.
        request = None
    found: bytes = (request or encode_metrics(piece)).SerializeToString()
    return found


def _merged(piece: MetricsData) -> Any:  # noqa: ANN401 - the encoder's result has no type
    """The request; None: the encoder took parts for the same that are equal, and nothing may get into the wrong one."""
    rest: list[tuple[str, list[Any]]] = []
    request: Any = encode_metrics(_shortened(piece, rest))
    metrics = [m for r in request.resource_metrics for s in r.scope_metrics for m in s.metrics]
    if [metric.name for metric in metrics] != [name for name, _ in rest]:
        return None
    known: dict[tuple[str, str], bytes] = {}
    for metric, (_, points) in zip(metrics, rest, strict=True):
        if points:
            data = getattr(metric, metric.WhichOneof("data"))
            has_start = metric.WhichOneof("data") == "sum"
            data.MergeFromString(b"".join([_point(point, known, has_start=has_start) for point in points]))
    return request


def _shortened(piece: MetricsData, rest: list[tuple[str, list[Any]]]) -> MetricsData:
    """The piece with the first point only of each plain metric; `rest` gets the others, a list a metric."""

    def shortened(metric: Metric) -> Metric:
        data: Any = metric.data
        is_plain = isinstance(data, Sum | Gauge) and all(map(_is_plain, data.data_points))
        rest.append((metric.name, list(data.data_points[1:]) if is_plain else []))
        return replace(metric, data=replace(data, data_points=data.data_points[:1])) if is_plain else metric

    return MetricsData(
        resource_metrics=[
            replace(
                resource,
                scope_metrics=[
                    replace(scope, metrics=[shortened(metric) for metric in scope.metrics])
                    for scope in resource.scope_metrics
                ],
            )
            for resource in piece.resource_metrics
        ]
    )


def _is_plain(point: Any) -> bool:  # noqa: ANN401 - the SDK's points have no common type
    return (
        not point.exemplars
        and type(point.value) in (int, float)
        and all(type(value) is str for value in (point.attributes or {}).values())
    )


def _point(point: Any, known: dict[tuple[str, str], bytes], *, has_start: bool) -> bytes:  # noqa: ANN401 - likewise
    """A point as an element of its metric's data_points; `known` remembers attributes, which repeat."""
    start_ns = (point.start_time_unix_nano or 0) if has_start else 0
    parts = [_START_AND_END.pack(_START_TAG, start_ns, _END_TAG, point.time_unix_nano)]
    value = point.value
    parts.append(_AS_INT.pack(_INT_TAG, value) if type(value) is int else _AS_DOUBLE.pack(_DOUBLE_TAG, value))
    for pair in (point.attributes or {}).items():
        attribute = known.get(pair)
        if attribute is None:
            content = KeyValue(key=pair[0], value=AnyValue(string_value=pair[1])).SerializeToString()
            attribute = known[pair] = b"".join((_ATTRIBUTES, _varint(len(content)), content))
        parts.append(attribute)
    content = b"".join(parts)
    return b"".join((_DATA_POINTS, _varint(len(content)), content))


def _varint(number: int) -> bytes:
    if number < 0x80:  # noqa: PLR2004 - seven bits
        return bytes((number,))
    return bytes((number & 0x7F | 0x80,)) + _varint(number >> 7)
