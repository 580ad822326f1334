"""OTLP metrics in protobuf -> scanned points: one look-up by the attributes' bytes for a stream seen before."""

from __future__ import annotations

import struct
from typing import Final

from tallystick.refusal import Reason, Refused
from tallystick.semconv import ATTRIBUTES_MAX
from tallystick_receiver.identity import LEVEL, SUM, identity_text
from tallystick_receiver.otlp.attributes import Attributes, decode_attributes, decode_text
from tallystick_receiver.otlp.scan import Block, Scan
from tallystick_receiver.otlp.wire import (
    FIXED64,
    LEN,
    VARINT,
    Buffer,
    Malformed,
    delimited,
    fields,
    read_varint,
)
from tallystick_receiver.streams import Metric, Source

Span = tuple[int, int]
PREFIX: Final = 27
"""Bytes before the attributes of a point as every SDK writes it: start, time, value, each a tag and 8 bytes."""
RESOURCE_ATTRIBUTES_MAX: Final = 1000
_GAUGE, _SUM, _HISTOGRAM, _EXPONENTIAL, _SUMMARY = 5, 7, 9, 10, 11
_DELTA, _CUMULATIVE = 1, 2
_NO_RECORDED_VALUE = 1
_POINT_TAG = 0x0A


def scan_request(buffer: Buffer, scan: Scan) -> None:
    """Walk an ExportMetricsServiceRequest and hand every point to `scan`.

    Raises:
        Malformed: the body is not such a message; nothing of it may be used.
    """
    try:
        for number, wire_type, start, end in fields(buffer, 0, len(buffer)):
            if number == 1 and wire_type == LEN:
                _scan_resource_metrics(buffer, start, end, scan)
    except (IndexError, struct.error) as error:
        raise Malformed("the message is cut short") from error


def _scan_resource_metrics(buffer: Buffer, start: int, end: int, scan: Scan) -> None:
    resource, scopes = b"", []
    for number, wire_type, at, to in fields(buffer, start, end):
        if number == 1 and wire_type == LEN:
            resource += buffer[at:to]
        elif number == 2 and wire_type == LEN:  # noqa: PLR2004 - scope_metrics
            scopes.append((at, to))
    source = _source(resource, scan)
    for at, to in scopes:
        _scan_scope_metrics(buffer, at, to, resource, source, scan)


def _scan_scope_metrics(
    buffer: Buffer, start: int, end: int, resource: bytes, source: Source | Refused, scan: Scan
) -> None:
    scope, schema_url, metrics = b"", b"", []
    for number, wire_type, at, to in fields(buffer, start, end):
        if wire_type != LEN:
            continue
        if number == 1:
            scope += buffer[at:to]
        elif number == 2:  # noqa: PLR2004 - metrics
            metrics.append((at, to))
        elif number == 3:  # noqa: PLR2004 - schema_url
            schema_url = buffer[at:to]
    envelope = (resource, scope, schema_url)
    for at, to in metrics:
        _scan_metric(buffer, at, to, envelope, source, scan)


def _scan_metric(
    buffer: Buffer,
    start: int,
    end: int,
    envelope: tuple[bytes, bytes, bytes],
    source: Source | Refused,
    scan: Scan,
) -> None:
    name = unit = b""
    shape, spans = 0, []
    for number, wire_type, at, to in fields(buffer, start, end):
        if wire_type != LEN:
            continue
        if number == 1:
            name = buffer[at:to]
        elif number == 3:  # noqa: PLR2004 - unit
            unit = buffer[at:to]
        elif number in (_GAUGE, _SUM, _HISTOGRAM, _EXPONENTIAL, _SUMMARY):
            spans = [*spans, (at, to)] if number == shape else [(at, to)]
            shape = number
    temporality = monotonic = 0
    for at, to in spans:
        if shape in (_SUM, _HISTOGRAM, _EXPONENTIAL):
            for number, wire_type, value, _ in _tail_fields(buffer, at, to):
                if number == 2 and wire_type == VARINT:  # noqa: PLR2004 - aggregation_temporality
                    temporality = value
                elif number == 3 and wire_type == VARINT:  # noqa: PLR2004 - is_monotonic
                    monotonic = value
    head = delimited(1, name) + delimited(3, unit)
    block = Block(
        source=source,
        metric=_metric(envelope, name, unit, shape, temporality, monotonic, source, scan),
        rebuild=_rebuilder(envelope, head, shape, temporality, monotonic),
    )
    for at, to in spans:
        if isinstance(block.metric, Refused):
            _refuse_points(buffer, at, to, block, scan)
        else:
            _scan_points(buffer, at, to, block, block.metric, scan)


def _tail_fields(buffer: Buffer, start: int, end: int) -> list[tuple[int, int, int, int]]:
    """The fields of a Sum that are not points, skipping points quickly."""
    found, position = [], start
    while position < end:
        if buffer[position] == _POINT_TAG:
            length, position = read_varint(buffer, position + 1, end)
            position += length
            continue
        for number, wire_type, at, to in fields(buffer, position, end):
            if number == 1:
                position = to
                break
            found.append((number, wire_type, at, to))
            position = to
    if position > end:
        raise Malformed("a point is longer than its metric")
    return found


def _scan_points(
    buffer: Buffer, position: int, end: int, block: Block, metric: Metric, scan: Scan
) -> None:
    """The hot loop: a point in the usual layout of a stream seen before costs one slice and one look-up."""
    known = metric.by_attributes.get
    add_at, add_to, add_row = scan.fast.at.append, scan.fast.to.append, scan.fast.row.append
    scan.open_block(block)
    while position < end:
        if buffer[position] != _POINT_TAG:
            position = _skip_field(buffer, position, end)
            continue
        length, body = buffer[position + 1], position + 2
        if length > 0x7F:  # noqa: PLR2004 - the continuation bit
            high, body = buffer[body], body + 1
            if high > 0x7F:  # noqa: PLR2004 - likewise
                length, body = read_varint(buffer, position + 1, end)
            else:
                length = length & 0x7F | high << 7
        position = body + length
        if position > end:
            raise Malformed("a point is longer than its metric")
        row = known(buffer[body + PREFIX : position])
        if row is None:
            scan_unusual_point(buffer, body, position, block, scan)
        else:
            add_at(body)
            add_to(position)
            add_row(row)
    scan.check_size()


def _skip_field(buffer: Buffer, position: int, end: int) -> int:
    for number, wire_type, _, to in fields(buffer, position, end):
        if number == 1 and wire_type == LEN:
            raise Malformed("a tag is longer than it needs to be")
        return to
    return end


def scan_unusual_point(buffer: Buffer, start: int, end: int, block: Block, scan: Scan) -> None:
    """A point of a new stream, or with an exemplar, without a start, with fields in another order."""
    start_ns = end_ns = flags = 0
    value: int | float | None = None
    spans: list[Span] = []
    for number, wire_type, at, to in fields(buffer, start, end):
        if number == 7 and wire_type == LEN:  # noqa: PLR2004 - attributes
            spans.append((at, to))
            if len(spans) > ATTRIBUTES_MAX:
                scan.refuse(Refused(Reason.TOO_MANY_ATTRIBUTES), block, start, end)
                return
        elif wire_type == FIXED64:
            if number == 2:  # noqa: PLR2004 - start_time_unix_nano
                start_ns = int.from_bytes(buffer[at:to], "little")
            elif number == 3:  # noqa: PLR2004 - time_unix_nano
                end_ns = int.from_bytes(buffer[at:to], "little")
            elif number == 4:  # noqa: PLR2004 - as_double
                value = struct.unpack("<d", buffer[at:to])[0]
            elif number == 6:  # noqa: PLR2004 - as_int
                value = int.from_bytes(buffer[at:to], "little", signed=True)
        elif number == 8 and wire_type == VARINT:  # noqa: PLR2004 - flags
            flags = at
    if flags & _NO_RECORDED_VALUE:
        scan.staleness_marks += 1
        return
    row = _row_of(buffer, spans, block.metric, scan)
    if isinstance(row, Refused):
        scan.refuse(row, block, start, end)
    elif value is None:
        scan.refuse(Refused(Reason.VALUE_MISSING), block, start, end)
    else:
        scan.add(block, row, start_ns, end_ns, value, start, end)


def _row_of(
    buffer: Buffer, spans: list[Span], metric: Metric | Refused, scan: Scan
) -> int | Refused:
    if isinstance(metric, Refused):
        return metric
    key = b"".join([delimited(7, buffer[at:to]) for at, to in spans])
    row = metric.by_attributes.get(key)
    if row is None:
        try:
            row = scan.streams.stream(metric, decode_attributes(buffer, spans))
        except Refused as refused:
            return scan.streams.remember_refusal(metric, key, refused)
        scan.streams.remember(metric, key, row)
    return metric.refusals[-1 - row] if row < 0 else row


def _refuse_points(buffer: Buffer, start: int, end: int, block: Block, scan: Scan) -> None:
    assert isinstance(block.metric, Refused)  # noqa: S101 - the caller's condition, for the type checker
    for number, wire_type, at, to in fields(buffer, start, end):
        if number == 1 and wire_type == LEN:
            scan.refuse(block.metric, block, at, to)


def _source(resource: bytes, scan: Scan) -> Source | Refused:
    key = (scan.credential_org, resource)
    source = scan.streams.sources.get(key)
    if source is None:
        try:
            spans = [
                (a, t) for n, w, a, t in fields(resource, 0, len(resource)) if n == 1 and w == LEN
            ]
            if len(spans) > RESOURCE_ATTRIBUTES_MAX:
                return Refused(Reason.TOO_MANY_ATTRIBUTES, f"{len(spans)} resource attributes")
            source = scan.streams.source(_resource_attributes(resource, spans), scan.credential_org)
        except Refused as refused:
            return refused
        scan.streams.sources[key] = source
    return source


def _resource_attributes(resource: bytes, spans: list[Span]) -> Attributes:
    """The resource's attributes that can be read; only those that usage looks at have a say later."""
    readable: Attributes = []
    for span in spans:
        try:
            readable += decode_attributes(resource, [span])
        except Refused as refused:
            if refused.reason in (Reason.INVALID_UTF8, Reason.NUL_CHARACTER):
                raise
    return readable


def _metric(
    envelope: tuple[bytes, bytes, bytes], name: bytes, unit: bytes, shape: int, temporality: int, monotonic: int,
    source: Source | Refused, scan: Scan,
) -> Metric | Refused:  # fmt: skip
    if isinstance(source, Refused):
        return source
    _, scope, schema_url = envelope
    key = (source.family, scope, schema_url, name, unit, shape, temporality, monotonic)
    metric = scan.streams.metrics.get(key)
    if metric is None:
        try:
            kind = kind_of(shape, temporality, monotonic=bool(monotonic))
            metric = scan.streams.metric(
                source.family,
                _scope_text(scope, schema_url),
                decode_text(name, 0, len(name)),
                decode_text(unit, 0, len(unit)),
                kind,
            )
        except Refused as refused:
            return refused
        scan.streams.metrics[key] = metric
    return metric


def kind_of(shape: int, temporality: int, *, monotonic: bool) -> str:
    """SUM or LEVEL, from the field number of a Metric's data and its two properties.

    Raises:
        Refused: a kind that cannot be counted (yet), or no temporality.
    """
    if shape == _GAUGE:
        return LEVEL
    if shape == _SUMMARY:
        raise Refused(Reason.SUMMARY_UNSUPPORTED)
    if temporality not in (_DELTA, _CUMULATIVE):
        raise Refused(Reason.TEMPORALITY_UNSPECIFIED)
    if shape in (_HISTOGRAM, _EXPONENTIAL):
        raise Refused(Reason.HISTOGRAM_UNSUPPORTED)
    if not monotonic:
        raise Refused(Reason.NON_MONOTONIC_UNSUPPORTED)
    if temporality == _CUMULATIVE:
        raise Refused(Reason.CUMULATIVE_UNSUPPORTED)
    return SUM


def _scope_text(scope: bytes, schema_url: bytes) -> str:
    """The scope's identity: name, version, attributes and schema URL (OTel data model)."""
    name, version, spans = "", "", []
    for number, wire_type, at, to in fields(scope, 0, len(scope)):
        if wire_type != LEN:
            continue
        if number == 1:
            name = decode_text(scope, at, to)
        elif number == 2:  # noqa: PLR2004 - version
            version = decode_text(scope, at, to)
        elif number == 3:  # noqa: PLR2004 - attributes
            spans.append((at, to))
    pairs = [[key, value] for key, value in decode_attributes(scope, spans)]
    return identity_text(name, version, pairs, decode_text(schema_url, 0, len(schema_url)))


def _rebuilder(
    envelope: tuple[bytes, bytes, bytes], head: bytes, shape: int, temporality: int, monotonic: int
):  # noqa: ANN202 - see Block.rebuild
    """What makes a request of one refused point, so that the quarantine can send it again."""
    resource, scope, schema_url = envelope

    def rebuild(point: bytes) -> bytes:
        properties = b""
        if shape in (_SUM, _HISTOGRAM, _EXPONENTIAL):
            properties = bytes((0x10, temporality & 0x7F))
        if shape == _SUM:
            properties += bytes((0x18, monotonic & 0x7F))
        metric = head + delimited(shape, delimited(1, point) + properties)
        in_scope = delimited(1, scope) + delimited(2, metric) + delimited(3, schema_url)
        return delimited(1, delimited(1, resource) + delimited(2, in_scope))

    return rebuild
