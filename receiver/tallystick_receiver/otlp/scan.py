"""What a decoder finds, gathered as columns: the points of one request on their way to a Batch."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from tallystick.refusal import Refused
from tallystick.semconv import UNATTRIBUTED
from tallystick_receiver.admission import TimeLimits, decimals_of, refuse_times, refuse_values
from tallystick_receiver.announcement import Announcement, announcement_of
from tallystick_receiver.errors import Malformed
from tallystick_receiver.identity import Stream, org_id_of
from tallystick_receiver.otlp.named_org import named_org
from tallystick_receiver.points import Batch, Points, RefusedPoint
from tallystick_receiver.streams import DIMS, METRIC, ORG, SERIES, Metric, Source, Streams

_UNATTRIBUTED: Final = org_id_of(UNATTRIBUTED)
REFUSED_POINTS_MAX: Final = 10_000
"""Refused points of one request that are kept for the quarantine; more are only counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """The points of one metric message: what they share."""

    source: Source | Refused
    metric: Metric | Refused
    rebuild: Callable[[bytes], bytes]


@dataclass(slots=True)
class FastPoints:
    """Points whose numbers are still in the body, at fixed places; arrays, since a list costs 28 bytes an int."""

    at: array[int] = field(default_factory=lambda: array("I"))
    to: array[int] = field(default_factory=lambda: array("I"))
    row: array[int] = field(default_factory=lambda: array("i"))
    block_first: list[int] = field(default_factory=list)
    block: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _ReadPoints:
    """Points whose numbers were read one by one."""

    at: array[int] = field(default_factory=lambda: array("q"))
    to: array[int] = field(default_factory=lambda: array("q"))
    row: array[int] = field(default_factory=lambda: array("q"))
    block: array[int] = field(default_factory=lambda: array("q"))
    start: array[int] = field(default_factory=lambda: array("Q"))
    end: array[int] = field(default_factory=lambda: array("Q"))
    integer: array[int] = field(default_factory=lambda: array("q"))
    double: array[float] = field(default_factory=lambda: array("d"))
    is_double: array[int] = field(default_factory=lambda: array("b"))


@dataclass(slots=True, kw_only=True)
class Columns:
    """All points of a request, numbers read, not yet admitted."""

    at: np.ndarray
    to: np.ndarray
    row: np.ndarray
    block: np.ndarray
    start: np.ndarray
    end: np.ndarray
    integer: np.ndarray
    double: np.ndarray
    is_double: np.ndarray


class Scan:
    """Collects points and refusals of one request, `admit`s them in portions, and ends as a `batch`.

    Args:
        streams: what this receiver remembers.
        credential_org: the organisation the key is bound to, if it is.
        encoding: "protobuf" or "json", what `point_bytes` and `Block.rebuild` speak.
        point_bytes: the bytes of the point that a decoder named by two numbers.
        points_max: points and refusals of one request; more are Malformed.
    """

    def __init__(
        self, *, streams: Streams, credential_org: str | None, encoding: str,
        point_bytes: Callable[[int, int], bytes], points_max: int = 1_000_000,
    ) -> None:  # fmt: skip
        self.streams = streams
        self.credential_org = credential_org
        self.fast = FastPoints()
        self.staleness_marks = 0
        self._encoding = encoding
        self._point_bytes = point_bytes
        self._points_max = points_max
        self._read = _ReadPoints()
        self._parts: list[Points] = []
        self._cumulative: list[Points] = []
        self._new_streams: dict[int, Stream] = {}
        self._blocks: list[Block] = []
        self._announcers: list[Source] = []
        self._announcements: list[Announcement] = []
        self._refused: list[RefusedPoint] = []
        self._refused_count = 0

    def open_block(self, block: Block) -> None:
        """The points that follow belong to `block`."""
        self._blocks.append(block)
        self.fast.block_first.append(len(self.fast.row))
        self.fast.block.append(len(self._blocks) - 1)
        self.check_size()

    def check_size(self) -> None:
        """Raises Malformed when the request holds more than is accepted in one."""
        if len(self.fast.row) + len(self._read.row) + self._refused_count + len(self._blocks) > self._points_max:
            raise Malformed(f"more than {self._points_max} points and metrics in one request")

    def add(self, block: Block, row: int, start: int, end: int, value: float, at: int, to: int) -> None:
        """A point whose numbers are read; times as unsigned nanoseconds, value as it was sent."""
        if not self._blocks or self._blocks[-1] is not block:
            self.open_block(block)
        read = self._read
        read.at.append(at)
        read.to.append(to)
        read.row.append(row)
        read.block.append(len(self._blocks) - 1)
        read.start.append(start)
        read.end.append(end)
        read.integer.append(0 if isinstance(value, float) else value)
        read.double.append(value if isinstance(value, float) else 0.0)
        read.is_double.append(isinstance(value, float))

    def announce(self, source: Source, sequence: int, end: int, tally: str) -> None:
        """A sender's half: what it says about one of its collections.

        Raises:
            Refused: it cannot be read.
        """
        takes_all = source.writer.credential_org is not None
        self._announcements.append(
            announcement_of(tally, writer_id=source.writer_id, sequence=sequence, end_ns=end, takes_all=takes_all)
        )
        self._announcers.append(source)

    def refuse(self, refused: Refused, block: Block, at: int, to: int) -> None:
        """A point that will never be right."""
        self._refused_count += 1
        if len(self._refused) >= REFUSED_POINTS_MAX:
            return
        body = block.rebuild(self._point_bytes(at, to))
        self._refused.append(
            RefusedPoint(
                reason=refused.reason,
                detail=refused.detail,
                body=body,
                encoding=self._encoding,
                org=self.credential_org or named_org(body, self._encoding, self.streams.org_aliases),
                credential_org=self.credential_org,
            )
        )

    def block(self, index: int) -> Block:
        """The block that a column's number means."""
        return self._blocks[index]

    def take_read(self) -> Columns:
        """The points that were read one by one since the last time."""
        read, self._read = self._read, _ReadPoints()
        return Columns(
            at=_column(read.at, np.int64), to=_column(read.to, np.int64),
            row=_column(read.row, np.int64), block=_column(read.block, np.int64),
            start=_column(read.start, np.uint64), end=_column(read.end, np.uint64),
            integer=_column(read.integer, np.int64), double=_column(read.double, np.float64),
            is_double=_column(read.is_double, np.int8).astype(bool),
        )  # fmt: skip

    def admit(self, columns: Columns, limits: TimeLimits) -> None:
        """Admit every point by itself and resolve the ids of those that pass."""
        if not len(columns.row):
            return
        refused = self._refuse_known(columns)
        is_level = self.streams.is_level[np.where(refused, 0, columns.row)]
        checks = refuse_times(columns.start, columns.end, limits) | refuse_values(
            columns.double, columns.is_double, columns.integer, is_level
        )
        for reason, mask in checks.items():
            fresh = mask & ~refused
            refused |= mask
            for position in np.flatnonzero(fresh).tolist():
                if self.streams.is_operations[columns.row[position]]:
                    continue  # the count of a histogram whose sum was refused: it is one point
                block = self._blocks[columns.block[position]]
                self.refuse(Refused(reason), block, int(columns.at[position]), int(columns.to[position]))
        self._keep(columns, np.flatnonzero(~refused))

    def batch(self, limits: TimeLimits) -> Batch:
        """Everything that was admitted and refused; announcements of refused times go with their points."""
        sources = [*self._announcers, *(source for b in self._blocks if isinstance(source := b.source, Source))]
        oldest, newest = limits.now_ns - limits.late_ns, limits.now_ns + limits.ahead_ns
        described = set() if self._new_streams else self.streams.described_writers
        writers = {s.writer_id: s.writer for s in sources if s.writer_id not in described}
        points, cumulative = Points.consume(self._parts), Points.consume(self._cumulative)
        return Batch(
            points=points,
            cumulative=cumulative,
            streams=list(self._new_streams.values()),
            writers=list(writers.values()),
            announcements=[found for found in self._announcements if oldest <= found.end_ns <= newest],
            refused=self._refused,
            refused_count=self._refused_count,
            staleness_marks=self.staleness_marks,
            unattributed=sum(int(np.count_nonzero(p.org_id == _UNATTRIBUTED)) for p in (points, cumulative)),
            credential_org=self.credential_org,
        )

    def _refuse_known(self, columns: Columns) -> np.ndarray:
        refused: np.ndarray = columns.row < 0
        for position in np.flatnonzero(refused).tolist():
            block = self._blocks[columns.block[position]]
            if isinstance(block.metric, Metric):
                reason = block.metric.refusals[-1 - int(columns.row[position])]
                self.refuse(reason, block, int(columns.at[position]), int(columns.to[position]))
        return refused

    def _keep(self, columns: Columns, kept: np.ndarray) -> None:
        row, block = columns.row[kept], columns.block[kept]
        writer_id = np.array([_writer_id(b.source) for b in self._blocks], dtype=np.int64)[block]
        anonymous = np.array([_is_anonymous(b.source) for b in self._blocks], dtype=bool)[block]
        mantissa, exponent = decimals_of(columns.double[kept], columns.is_double[kept], columns.integer[kept])
        ids, is_level = self.streams.ids, self.streams.is_level[row]
        start = columns.start[kept].astype(np.int64)
        self._new_streams |= self.streams.describe(row)
        self._sort_in(
            row,
            Points(
                org_id=ids[row, ORG],
                dims_id=ids[row, DIMS],
                series_id=ids[row, SERIES],
                metric_id=ids[row, METRIC],
                writer_id=writer_id,
                start_ns=np.where(is_level, 0, start),
                end_ns=columns.end[kept].astype(np.int64),
                mantissa=mantissa,
                exponent=exponent,
                is_level=is_level,
                is_anonymous=anonymous,
            ),
        )

    def _sort_in(self, row: np.ndarray, points: Points) -> None:
        is_cumulative = self.streams.is_cumulative[row]
        if not is_cumulative.any():
            self._parts.append(points)
            return
        self._parts.append(points.take(~is_cumulative))
        self._cumulative.append(points.take(is_cumulative))


def _column(values: array[int] | array[float], dtype: type) -> np.ndarray:
    return np.frombuffer(values, dtype=dtype) if len(values) else np.zeros(0, dtype=dtype)


def _writer_id(source: Source | Refused) -> int:
    return source.writer_id if isinstance(source, Source) else 0


def _is_anonymous(source: Source | Refused) -> bool:
    return isinstance(source, Source) and source.writer.is_anonymous
