"""The points of one metric in protobuf: a look-up for a usual point of a known stream, field by field otherwise."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Final

from tallystick.refusal import Reason, Refused
from tallystick.semconv import ATTRIBUTES_MAX
from tallystick_receiver.errors import Malformed
from tallystick_receiver.otlp.attributes import decode_attributes
from tallystick_receiver.otlp.scan import Block, Scan
from tallystick_receiver.otlp.wire import (
    LEN,
    Buffer,
    delimited,
    fields,
    read_varint,
)
from tallystick_receiver.streams import Metric

POINT_TAG: Final = 0x0A
PREFIX: Final = 27
"""Bytes before the attributes of a point as every SDK writes it: start, time, value, each a tag and 8 bytes."""
NO_RECORDED_VALUE: Final = 1


def scan_points(buffer: Buffer, position: int, end: int, block: Block, metric: Metric, scan: Scan) -> None:
    """The hot loop: a point in the usual layout of a stream seen before costs one slice and one look-up."""
    known = metric.by_attributes.get
    add_at, add_to, add_row = scan.fast.at.append, scan.fast.to.append, scan.fast.row.append
    scan.open_block(block)
    while position < end:
        if buffer[position] != POINT_TAG:
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


def scan_unusual_point(buffer: Buffer, start: int, end: int, block: Block, scan: Scan) -> None:
    """A point of a new stream, or with an exemplar, without a start, with fields in another order."""
    point = read_point(buffer, start, end)
    if point.flags & NO_RECORDED_VALUE:
        scan.staleness_marks += 1
        return
    row = row_of(buffer, point.attributes, block.metric, scan)
    if isinstance(row, Refused):
        scan.refuse(row, block, start, end)
    elif point.value is None:
        scan.refuse(Refused(Reason.VALUE_MISSING), block, start, end)
    else:
        scan.add(block, row, point.start_ns, point.end_ns, point.value, start, end)


@dataclass(slots=True)
class Point:
    """A NumberDataPoint; `attributes` is where its KeyValue messages lie."""

    start_ns: int = 0
    end_ns: int = 0
    value: int | float | None = None
    flags: int = 0
    attributes: list[tuple[int, int]] = field(default_factory=list)


def read_point(buffer: Buffer, start: int, end: int) -> Point:
    """The fields of a NumberDataPoint, in any order.

    Raises:
        Malformed: the bytes are not such a message.
    """
    point = Point()
    for number, wire_type, at, to in fields(buffer, start, end):
        match number, wire_type:  # field numbers of NumberDataPoint in metrics.proto
            case 7, 2:
                point.attributes.append((at, to))
                if len(point.attributes) > ATTRIBUTES_MAX:
                    break  # it will be refused, whatever follows
            case 2, 1:
                point.start_ns = int.from_bytes(buffer[at:to], "little")
            case 3, 1:
                point.end_ns = int.from_bytes(buffer[at:to], "little")
            case 4, 1:
                point.value = struct.unpack("<d", buffer[at:to])[0]
            case 6, 1:
                point.value = int.from_bytes(buffer[at:to], "little", signed=True)
            case 8, 0:
                point.flags = at
            case _:
                pass
    return point


def row_of(buffer: Buffer, spans: list[tuple[int, int]], metric: Metric | Refused, scan: Scan) -> int | Refused:
    """The row of the stream whose KeyValue messages lie at `spans`, or why there is none."""
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


def _skip_field(buffer: Buffer, position: int, end: int) -> int:
    number, wire_type, _, to = next(fields(buffer, position, end))
    if number == 1 and wire_type == LEN:
        raise Malformed("a tag is longer than it needs to be")
    return to
