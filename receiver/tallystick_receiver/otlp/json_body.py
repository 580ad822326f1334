"""OTLP metrics in JSON -> scanned points (OTLP specification, "JSON Protobuf Encoding").

Written by hand since the protobuf library's JSON parser fails a whole request for one bad point and decodes the
hex ids of exemplars as base64. Exemplars are not usage and are not looked at.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import orjson

from tallystick.refusal import Reason, Refused
from tallystick.semconv import ATTRIBUTES_MAX, INT64_MAX, INT64_MIN, SENDER_COLLECTION, SENDER_TALLY
from tallystick_receiver.announcement import TALLY_LENGTH_MAX
from tallystick_receiver.attributes import DEPTH_MAX, Attributes, Value, canonical
from tallystick_receiver.errors import Malformed
from tallystick_receiver.identity import identity_text
from tallystick_receiver.otlp.histogram_points import HistogramPoint, add_histogram_point
from tallystick_receiver.otlp.json_fields import double_of, get, integer_of, messages_of, object_of, string_of
from tallystick_receiver.otlp.metric_kinds import RESOURCE_ATTRIBUTES_MAX, Shape, kind_of
from tallystick_receiver.otlp.scan import Block, Scan
from tallystick_receiver.streams import Metric, Source

_SHAPES: Final = (
    ("gauge", Shape.GAUGE), ("sum", Shape.SUM), ("histogram", Shape.HISTOGRAM),
    ("exponentialHistogram", Shape.EXPONENTIAL_HISTOGRAM), ("summary", Shape.SUMMARY),
)  # fmt: skip
_TEMPORALITY: Final = {"AGGREGATION_TEMPORALITY_DELTA": 1, "AGGREGATION_TEMPORALITY_CUMULATIVE": 2}
_UINT64_MAX: Final = 2**64 - 1
_WRONG_TYPE: Final = (TypeError, ValueError, KeyError, AttributeError, OverflowError)
"""What reading a field of another type than it should have may raise."""


def parse_body(body: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """A JSON text; one lone surrogate must not cost the whole request, so the lenient parser has the last word.

    Raises:
        Malformed: it is not JSON, or nested too deeply to be OTLP.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise Malformed(f"not JSON: {str(error)[:200]}") from None


def scan_json(document: Any, scan: Scan, points: list[Any]) -> None:  # noqa: ANN401 - any JSON value
    """Walk an ExportMetricsServiceRequest and hand every point to `scan`; `points` receives them in order.

    Raises:
        Malformed: the envelope is not such a message.
    """
    for resource_metrics in messages_of(object_of(document), "resourceMetrics"):
        resource = object_of(get(resource_metrics, "resource") or {})
        source = _source(resource, scan)
        for scope_metrics in messages_of(resource_metrics, "scopeMetrics"):
            scope = object_of(get(scope_metrics, "scope") or {})
            schema_url = get(scope_metrics, "schemaUrl") or ""
            for metric in messages_of(scope_metrics, "metrics"):
                _scan_metric(metric, (resource, scope, schema_url), source, scan, points)


def _scan_metric(
    message: dict[str, Any],
    envelope: tuple[Any, Any, Any],
    source: Source | Refused,
    scan: Scan,
    points: list[Any],
) -> None:
    found = next(((name, shape, get(message, name)) for name, shape in _SHAPES if get(message, name) is not None), None)
    if found is None:
        return
    name, shape, content = found[0], found[1], object_of(found[2])
    block = Block(
        source=source,
        metric=_metric(message, content, shape, envelope, source, scan),
        rebuild=_rebuilder(message, content, name, envelope),
    )
    is_tally = shape == Shape.GAUGE and get(message, "name") == SENDER_COLLECTION
    scan.open_block(block)
    for point in messages_of(content, "dataPoints"):
        points.append(point)
        at = len(points) - 1
        try:
            if is_tally:
                _scan_tally(point, source, scan)
                continue
            if isinstance(block.metric, Refused):
                raise block.metric
            _scan_point(point, block, block.metric, scan, at)
        except Refused as refused:
            scan.refuse(refused, block, at, at)
        except _WRONG_TYPE as error:
            scan.refuse(Refused(Reason.MALFORMED, str(error)[:200]), block, at, at)
    scan.check_size()


def _scan_point(point: dict[str, Any], block: Block, metric: Metric, scan: Scan, at: int) -> None:
    if integer_of(get(point, "flags") or 0, 0, _UINT64_MAX) & 1:
        scan.staleness_marks += 1
        return
    row = _row_of(get(point, "attributes") or [], metric, scan)
    start = integer_of(get(point, "startTimeUnixNano") or 0, 0, _UINT64_MAX)
    end = integer_of(get(point, "timeUnixNano") or 0, 0, _UINT64_MAX)
    if metric.operations is not None:
        operations = _row_of(get(point, "attributes") or [], metric.operations, scan)
        total = get(point, "sum")
        histogram = HistogramPoint(
            start_ns=start, end_ns=end, count=integer_of(get(point, "count") or 0, 0, _UINT64_MAX),
            sum=None if total is None else double_of(total),
        )  # fmt: skip
        add_histogram_point(histogram, (row, operations), block, scan, at, at)
        return
    if (number := get(point, "asInt")) is not None:
        value: float = integer_of(number, INT64_MIN, INT64_MAX)
    elif (number := get(point, "asDouble")) is not None:
        value = double_of(number)
    else:
        raise Refused(Reason.VALUE_MISSING)
    scan.add(block, row, start, end, value, at, at)


def _scan_tally(point: dict[str, Any], source: Source | Refused, scan: Scan) -> None:
    """What a sender says about one of its collections; no stream is made of it."""
    if isinstance(source, Refused):
        raise source
    texts = {pair["key"]: get(pair["value"], "stringValue") for pair in get(point, "attributes") or []}
    end = integer_of(get(point, "timeUnixNano") or 0, 0, INT64_MAX)
    tally = string_of(texts.get(SENDER_TALLY))[:TALLY_LENGTH_MAX]
    scan.announce(source, integer_of(get(point, "asInt"), 0, INT64_MAX), end, tally)


def _row_of(attributes: list[Any], metric: Metric, scan: Scan) -> int:
    """A stream seen before costs one look-up by the bytes of its attributes as they were written."""
    try:
        key = orjson.dumps(attributes)
    except TypeError:  # a lone surrogate or an integer beyond 64 bits, which will be refused
        return scan.streams.stream(metric, _attributes(attributes, ATTRIBUTES_MAX))
    row = metric.by_attributes.get(key)
    if row is None:
        row = scan.streams.remember(metric, key, scan.streams.stream(metric, _attributes(attributes, ATTRIBUTES_MAX)))
    return row


def _source(resource: dict[str, Any], scan: Scan) -> Source | Refused:
    try:
        attributes = _attributes(get(resource, "attributes") or [], RESOURCE_ATTRIBUTES_MAX, is_resource=True)
        key = (scan.credential_org, identity_text([[k, v] for k, v in attributes]).encode())
        source = scan.streams.sources.get(key)
        if source is None:
            source = scan.streams.sources[key] = scan.streams.source(attributes, scan.credential_org)
    except Refused as refused:
        return refused
    except _WRONG_TYPE as error:
        raise Malformed(f"a resource is not one: {str(error)[:200]}") from None
    return source


def _metric(
    message: dict[str, Any], content: dict[str, Any], shape: int, envelope: tuple[Any, Any, Any],
    source: Source | Refused, scan: Scan,
) -> Metric | Refused:  # fmt: skip
    if isinstance(source, Refused):
        return source
    _, scope, schema_url = envelope
    temporality = get(content, "aggregationTemporality") or 0
    temporality = _TEMPORALITY.get(temporality, temporality) if isinstance(temporality, str) else temporality
    try:
        kind, is_cumulative = kind_of(shape, temporality, monotonic=bool(get(content, "isMonotonic")))
        pairs = [[k, v] for k, v in _attributes(get(scope, "attributes") or [], ATTRIBUTES_MAX)]
        scope_text = identity_text(get(scope, "name") or "", get(scope, "version") or "", pairs, schema_url)
        name, unit = get(message, "name") or "", get(message, "unit") or ""
        if not isinstance(name, str) or not isinstance(unit, str):
            raise Refused(Reason.INVALID_NAME)  # noqa: TRY301 - one way out for all refusals
        key = (source.family, scope_text, name, unit, kind, is_cumulative)
        metric = scan.streams.metrics.get(key)
        if metric is None:
            metric = scan.streams.metric(source.family, scope_text, name, unit, kind, is_cumulative=is_cumulative)
            scan.streams.metrics[key] = metric
    except Refused as refused:
        return refused
    except _WRONG_TYPE as error:
        return Refused(Reason.MALFORMED, str(error)[:200])
    return metric


def _attributes(pairs: list[Any], count_max: int, *, is_resource: bool = False) -> Attributes:
    if len(pairs) > count_max:
        raise Refused(Reason.TOO_MANY_ATTRIBUTES, f"{len(pairs)} attributes, {count_max} allowed")
    found = [(string_of(pair.get("key") or ""), _value(pair.get("value"), 0)) for pair in pairs]
    if not is_resource:
        return canonical(found)
    readable: Attributes = []
    for pair in found:
        try:
            readable += canonical([pair])
        except Refused as refused:
            if refused.reason in (Reason.INVALID_UTF8, Reason.NUL_CHARACTER):
                raise
    return readable


def _value(value: dict[str, Any] | None, depth: int) -> Value:
    if depth > DEPTH_MAX:
        raise Refused(Reason.ATTRIBUTE_TOO_DEEP, f"nested deeper than {DEPTH_MAX}")
    if not value:
        return ["n"]
    for name, convert in _VALUES:
        content = get(value, name)
        if content is not None:
            return convert(content, depth)
    return ["n"]


def _array(content: dict[str, Any], depth: int) -> Value:
    return ["a", [_value(item, depth + 1) for item in get(content, "values") or []]]


def _map(content: dict[str, Any], depth: int) -> Value:
    pairs = get(content, "values") or []
    return [
        "k",
        sorted([string_of(p.get("key") or ""), _value(p.get("value"), depth + 1)] for p in pairs),
    ]


_VALUES: Final[tuple[tuple[str, Callable[[Any, int], Value]], ...]] = (
    ("stringValue", lambda content, _: ["s", string_of(content)]),
    ("boolValue", lambda content, _: ["b", bool(content)]),
    ("intValue", lambda content, _: ["i", str(integer_of(content, INT64_MIN, INT64_MAX))]),
    ("doubleValue", lambda content, _: ["d", repr(double_of(content))]),
    ("arrayValue", _array),
    ("kvlistValue", _map),
    ("bytesValue", lambda content, _: ["x", string_of(content)]),
)


def _rebuilder(
    message: dict[str, Any], content: dict[str, Any], shape: str, envelope: tuple[Any, Any, Any]
) -> Callable[[bytes], bytes]:
    """What makes a request of one refused point, so that the quarantine can send it again."""
    resource, scope, schema_url = envelope

    def rebuild(point: bytes) -> bytes:
        kept = {key: value for key, value in content.items() if key not in ("dataPoints", "data_points")}
        metric = {"name": get(message, "name"), "unit": get(message, "unit")}
        metric[shape] = kept | {"dataPoints": [json.loads(point)]}
        in_scope = {"scope": scope, "metrics": [metric], "schemaUrl": schema_url}
        document = {"resourceMetrics": [{"resource": resource, "scopeMetrics": [in_scope]}]}
        return json.dumps(document).encode()

    return rebuild
