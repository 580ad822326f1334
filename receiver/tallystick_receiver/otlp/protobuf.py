"""OTLP metrics in protobuf -> scanned points: the walk from the request down to each metric's data.

Why not the protobuf library: see receiver/README.md, "Decoding by hand".
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import Final

from tallystick.refusal import Reason, Refused
from tallystick.semconv import SENDER_COLLECTION, SENDER_TALLY
from tallystick_receiver.announcement import TALLY_LENGTH_MAX
from tallystick_receiver.attributes import Attributes
from tallystick_receiver.errors import Malformed
from tallystick_receiver.identity import identity_text
from tallystick_receiver.otlp.attributes import decode_attributes, decode_text, text_attribute
from tallystick_receiver.otlp.histogram_points import scan_histogram_points
from tallystick_receiver.otlp.metric_kinds import (
    HISTOGRAMS,
    RESOURCE_ATTRIBUTES_MAX,
    SHAPES,
    WITH_TEMPORALITY,
    Shape,
    kind_of,
)
from tallystick_receiver.otlp.protobuf_points import POINT_TAG, read_point, scan_points
from tallystick_receiver.otlp.scan import Block, Scan
from tallystick_receiver.otlp.wire import LEN, VARINT, Buffer, delimited, fields, read_varint
from tallystick_receiver.streams import Metric, Source

Span = tuple[int, int]
_COLLECTION: Final = SENDER_COLLECTION.encode()


@dataclass(frozen=True, slots=True)
class _Envelope:
    """What the metrics of one scope share, as bytes."""

    resource: bytes
    scope: bytes
    schema_url: bytes


@dataclass(frozen=True, slots=True)
class _Head:
    """A metric without its points; its fields identify a Metric together with the resource's family."""

    name: bytes
    unit: bytes
    shape: int
    temporality: int
    monotonic: int

    def request_of(self, envelope: _Envelope, point: bytes) -> bytes:
        """A request of this one point, so that the quarantine can send it again."""
        properties = b""
        if self.shape in WITH_TEMPORALITY:
            properties = bytes((0x10, self.temporality & 0x7F))
        if self.shape == Shape.SUM:
            properties += bytes((0x18, self.monotonic & 0x7F))
        data = delimited(self.shape, delimited(1, point) + properties)
        metric = delimited(1, self.name) + delimited(3, self.unit) + data
        scope = delimited(1, envelope.scope) + delimited(2, metric) + delimited(3, envelope.schema_url)
        return delimited(1, delimited(1, envelope.resource) + delimited(2, scope))


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
    envelope = _Envelope(resource, scope, schema_url)
    for at, to in metrics:
        _scan_metric(buffer, at, to, envelope, source, scan)


def _scan_metric(
    buffer: Buffer, start: int, end: int, envelope: _Envelope, source: Source | Refused, scan: Scan
) -> None:
    head, spans = _head(buffer, start, end)
    if head.name == _COLLECTION and head.shape == Shape.GAUGE:
        _scan_tallies(buffer, spans, source, lambda point: head.request_of(envelope, point), scan)
        return
    metric = _metric(envelope, head, source, scan)
    block = Block(source=source, metric=metric, rebuild=lambda point: head.request_of(envelope, point))
    for at, to in spans:
        if isinstance(metric, Refused):
            _refuse_points(buffer, at, to, metric, block, scan)
        elif head.shape in HISTOGRAMS:
            scan_histogram_points(buffer, at, to, block, head.shape, scan)
        else:
            scan_points(buffer, at, to, block, metric, scan)


def _scan_tallies(
    buffer: Buffer, spans: list[Span], source: Source | Refused, rebuild: Callable[[bytes], bytes], scan: Scan
) -> None:
    """What a sender says about its collections; no stream is made of it."""
    block = Block(source=source, metric=Refused(Reason.INVALID_TALLY), rebuild=rebuild)
    for number, wire_type, at, to in chain.from_iterable(fields(buffer, *span) for span in spans):
        if number != 1 or wire_type != LEN:
            continue
        try:
            if isinstance(source, Refused):
                raise source
            point = read_point(buffer, at, to)
            texts = (text_attribute(buffer, *span, SENDER_TALLY, TALLY_LENGTH_MAX) for span in point.attributes)
            scan.announce(source, int(point.value or 0), point.end_ns, next(filter(None, texts), ""))
        except Refused as refused:
            scan.refuse(refused, block, at, to)
        scan.check_size()


def _head(buffer: Buffer, start: int, end: int) -> tuple[_Head, list[Span]]:
    """The metric without its points, and where its data lies: in pieces, if the message was merged."""
    name = unit = b""
    shape: int = Shape.NONE
    spans: list[Span] = []
    for number, wire_type, at, to in fields(buffer, start, end):
        if wire_type != LEN:
            continue
        if number == 1:
            name = buffer[at:to]
        elif number == 3:  # noqa: PLR2004 - unit
            unit = buffer[at:to]
        elif number in SHAPES:
            spans = [*spans, (at, to)] if number == shape else [(at, to)]
            shape = number
    temporality = monotonic = 0
    for at, to in spans if shape in WITH_TEMPORALITY else ():
        for number, value in _properties(buffer, at, to):
            if number == 2:  # noqa: PLR2004 - aggregation_temporality
                temporality = value
            elif number == 3:  # noqa: PLR2004 - is_monotonic
                monotonic = value
    return _Head(name, unit, shape, temporality, monotonic), spans


def _properties(buffer: Buffer, start: int, end: int) -> list[tuple[int, int]]:
    """The varint fields of a metric's data; points are skipped quickly."""
    found, position = [], start
    while position < end:
        if buffer[position] == POINT_TAG:
            length, position = read_varint(buffer, position + 1, end)
            position += length
            continue
        number, wire_type, value, position = next(fields(buffer, position, end))
        if wire_type == VARINT:
            found.append((number, value))
    if position > end:
        raise Malformed("a point is longer than its metric")
    return found


def _refuse_points(buffer: Buffer, start: int, end: int, refused: Refused, block: Block, scan: Scan) -> None:
    for number, wire_type, at, to in fields(buffer, start, end):
        if number == 1 and wire_type == LEN:
            scan.refuse(refused, block, at, to)
            scan.check_size()


def _source(resource: bytes, scan: Scan) -> Source | Refused:
    key = (scan.credential_org, resource)
    source = scan.streams.sources.get(key)
    if source is None:
        try:
            spans = [(a, t) for n, w, a, t in fields(resource, 0, len(resource)) if n == 1 and w == LEN]
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


def _metric(envelope: _Envelope, head: _Head, source: Source | Refused, scan: Scan) -> Metric | Refused:
    if isinstance(source, Refused):
        return source
    key = (source.family, envelope.scope, envelope.schema_url, head)
    metric = scan.streams.metrics.get(key)
    if metric is None:
        try:
            kind, is_cumulative = kind_of(head.shape, head.temporality, monotonic=bool(head.monotonic))
            metric = scan.streams.metric(
                source.family,
                _scope_text(envelope),
                decode_text(head.name, 0, len(head.name)),
                decode_text(head.unit, 0, len(head.unit)),
                kind,
                is_cumulative=is_cumulative,
            )
        except Refused as refused:
            return refused
        scan.streams.metrics[key] = metric
    return metric


def _scope_text(envelope: _Envelope) -> str:
    """The scope's identity: name, version, attributes and schema URL (OTel data model)."""
    scope, name, version, spans = envelope.scope, "", "", []
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
    return identity_text(name, version, pairs, decode_text(envelope.schema_url, 0, len(envelope.schema_url)))
