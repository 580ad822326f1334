"""The points of histograms: each is a sum (the quantity) and a count (the operations), two streams of one identity.

Buckets say nothing about usage and are not looked at, so a Histogram and an ExponentialHistogram are read alike.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from typing import Final

from tallystick.refusal import Reason, Refused
from tallystick.semconv import ATTRIBUTES_MAX, INT64_MAX
from tallystick_receiver.otlp.metric_kinds import Shape
from tallystick_receiver.otlp.protobuf_points import NO_RECORDED_VALUE, row_of
from tallystick_receiver.otlp.scan import Block, Scan
from tallystick_receiver.otlp.wire import FIXED64, LEN, VARINT, Buffer, fields
from tallystick_receiver.streams import Metric

_ATTRIBUTES: Final = {Shape.HISTOGRAM: 9, Shape.EXPONENTIAL_HISTOGRAM: 1}
"""The field number of attributes; start, time, count, sum and flags have the same in both (metrics.proto)."""
_START, _TIME, _COUNT, _SUM, _FLAGS = 2, 3, 4, 5, 10


@dataclass(slots=True)
class HistogramPoint:
    """What usage takes from a HistogramDataPoint or an ExponentialHistogramDataPoint; times in nanoseconds."""

    start_ns: int = 0
    end_ns: int = 0
    count: int = 0
    sum: float | None = None
    flags: int = 0
    attributes: list[tuple[int, int]] = field(default_factory=list)


def scan_histogram_points(buffer: Buffer, position: int, end: int, block: Block, shape: int, scan: Scan) -> None:
    """Every point of a histogram's data in protobuf."""
    scan.open_block(block)
    for number, wire_type, at, to in fields(buffer, position, end):
        if number != 1 or wire_type != LEN:
            continue
        point = _read_point(buffer, at, to, _ATTRIBUTES[Shape(shape)])
        if point.flags & NO_RECORDED_VALUE:
            scan.staleness_marks += 1
            continue
        try:
            add_histogram_point(point, _rows(buffer, point, block.metric, scan), block, scan, at, to)
        except Refused as refused:
            scan.refuse(refused, block, at, to)
    scan.check_size()


def add_histogram_point(
    point: HistogramPoint, rows: tuple[int, int], block: Block, scan: Scan, at: int, to: int
) -> None:
    """Hand sum and count to `scan`, as points of two streams.

    Args:
        point: as it was read, in either encoding.
        rows: of the streams of the sum and of the count.
        block: what the points of this metric share.
        scan: collects points.
        at: where the point begins, or its number in JSON.
        to: where it ends.

    Raises:
        Refused: the sum is missing, negative or no number, or the count is too large: neither may count.
    """
    if point.sum is None:
        raise Refused(Reason.SUM_MISSING)
    if not math.isfinite(point.sum):
        raise Refused(Reason.NOT_A_NUMBER)
    if point.sum < 0:
        raise Refused(Reason.NEGATIVE)
    if point.count > INT64_MAX:
        raise Refused(Reason.COUNT_OUT_OF_RANGE)
    scan.add(block, rows[0], point.start_ns, point.end_ns, point.sum, at, to)
    scan.add(block, rows[1], point.start_ns, point.end_ns, point.count, at, to)


def _rows(buffer: Buffer, point: HistogramPoint, metric: Metric | Refused, scan: Scan) -> tuple[int, int]:
    quantity = row_of(buffer, point.attributes, metric, scan)
    if isinstance(quantity, Refused):
        raise quantity
    assert isinstance(metric, Metric)  # noqa: S101 - a refused one has no rows
    assert metric.operations is not None  # noqa: S101 - a histogram has them
    operations = row_of(buffer, point.attributes, metric.operations, scan)
    if isinstance(operations, Refused):
        raise operations
    return quantity, operations


def _read_point(buffer: Buffer, start: int, end: int, attributes: int) -> HistogramPoint:
    point = HistogramPoint()
    for number, wire_type, at, to in fields(buffer, start, end):
        if number == attributes and wire_type == LEN:
            point.attributes.append((at, to))
            if len(point.attributes) > ATTRIBUTES_MAX:
                break  # it will be refused, whatever follows
        elif wire_type == FIXED64 and number == _START:
            point.start_ns = int.from_bytes(buffer[at:to], "little")
        elif wire_type == FIXED64 and number == _TIME:
            point.end_ns = int.from_bytes(buffer[at:to], "little")
        elif wire_type == FIXED64 and number == _COUNT:
            point.count = int.from_bytes(buffer[at:to], "little")
        elif wire_type == FIXED64 and number == _SUM:
            point.sum = struct.unpack("<d", buffer[at:to])[0]
        elif wire_type == VARINT and number == _FLAGS:
            point.flags = at
    return point
