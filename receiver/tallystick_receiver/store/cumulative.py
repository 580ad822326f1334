"""Cumulative points -> what they add, inside the commit; what is known of each stream is a table of the database.

Two receivers that hold points of one writer take turns, so that each sees what the other has counted.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from tallystick.quantity import Quantity
from tallystick.semconv import INT64_MAX
from tallystick_receiver.cumulative import NO_START, Row, Sample, change, number_of, quantity
from tallystick_receiver.points import NO_POINTS, QUARTER_NS, Points
from tallystick_receiver.settings import First
from tallystick_receiver.store.statements import statement

if TYPE_CHECKING:
    import asyncpg

LOCK: Final = 0x7A11_0005
BUCKETS: Final = 64
_STREAMS_A_STATEMENT: Final = 2_000
"""A statement has its time limit, however large the request is; and others want the event loop in between."""
_SINCE_NS: Final = {First.SINCE_INSTALL: None, First.ALL: 0, First.NOTHING: INT64_MAX}


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """What cumulative points add, as points that are stored like any others.

    Attributes:
        points: one for each stream and quarter that changes; negative where usage turns out to be earlier.
        fallen: values below one that the same stream had reached before.
    """

    points: Points
    fallen: int


async def convert(connection: asyncpg.Connection, points: Points, first: First) -> Converted:
    """Look up what is known of the streams, write down what is known now, and say what that adds.

    Call it in the transaction that stores the result, before anything else takes a lock there.
    """
    if not len(points):
        return Converted(points=NO_POINTS, fallen=0)
    streams = _Streams(points)
    writers = np.unique(points.writer_id).tolist()
    await lock_writers(connection, writers)
    since = await _since(connection, writers, first)
    added: list[tuple[int, int, Quantity]] = []
    fallen = 0
    for start in range(0, len(streams), _STREAMS_A_STATEMENT):
        rows = []
        for number, known in (await _read(connection, streams, start)).items():
            writer_id, _, start_ns = key = streams.key(number)
            found = change(
                start_ns, in_full=start_ns >= since.get(writer_id, INT64_MAX), before=known.before,
                known=sorted(known.rows, key=lambda row: row.at_ns), samples=streams.samples(number),
            )  # fmt: skip
            rows += [(key, row) for row in found.rows]
            added += [(number, end_ns, part) for end_ns, part in found.added]
            fallen += found.fallen
        await _write(connection, rows)
    return Converted(points=streams.derived(added), fallen=fallen)


async def lock_writers(connection: asyncpg.Connection, writers: list[int]) -> None:
    """Hold other receivers off these writers until the end of the transaction."""
    buckets = sorted({writer_id % BUCKETS for writer_id in writers})
    await connection.execute(statement("lock_cumulative"), LOCK, buckets)


class _Streams:
    """Points grouped by stream (writer, series, start), each group in order of time; streams go by their number."""

    def __init__(self, points: Points) -> None:
        order = np.lexsort((points.end_ns, points.start_ns, points.series_id, points.writer_id))
        self._points = points.take(order)
        keys = (self._points.writer_id, self._points.series_id, self._points.start_ns)
        changes = np.ones(len(order), dtype=bool)
        changes[1:] = np.logical_or.reduce([key[1:] != key[:-1] for key in keys])
        self._first = np.flatnonzero(changes)
        self._past = np.append(self._first[1:], len(order))

    def __len__(self) -> int:
        return len(self._first)

    def key(self, number: int) -> tuple[int, int, int]:
        """Writer, series and start of a stream."""
        points, at = self._points, self._first[number]
        return int(points.writer_id[at]), int(points.series_id[at]), int(points.start_ns[at])

    def samples(self, number: int) -> list[Sample]:
        """The points of a stream."""
        chosen = slice(int(self._first[number]), int(self._past[number]))
        points = self._points
        columns = (points.end_ns[chosen], points.mantissa[chosen], points.exponent[chosen])
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return [Sample(end_ns, number_of(mantissa, exponent)) for end_ns, mantissa, exponent in rows]

    def wanted(self, start: int) -> list[list[int | None]]:
        """The arguments of read_cumulative.sql for some streams, from number `start` on."""
        chosen = slice(start, start + _STREAMS_A_STATEMENT)
        first = self._first[chosen]
        points = self._points.take(first)
        place = np.where(points.start_ns == NO_START, points.end_ns, (points.end_ns - 1) // QUARTER_NS * QUARTER_NS)
        is_one = ((self._past[chosen] - first == 1) & (points.start_ns != NO_START)).tolist()
        columns = (points.writer_id, points.series_id, points.start_ns, place, points.end_ns)
        values = (points.mantissa, points.exponent)
        return [
            *(column.tolist() for column in columns),
            *([v if one else None for v, one in zip(value.tolist(), is_one, strict=True)] for value in values),
        ]

    def derived(self, added: list[tuple[int, int, Quantity]]) -> Points:
        """Points of (stream, end, quantity)."""
        derived = self._points.take(self._first[np.array([number for number, _, _ in added], dtype=np.int64)])
        derived.end_ns = np.array([end_ns for _, end_ns, _ in added], dtype=np.int64)
        derived.mantissa = np.array([found.mantissa for _, _, found in added], dtype=np.int64)
        derived.exponent = np.array([found.exponent for _, _, found in added], dtype=np.int16)
        return derived


async def _since(connection: asyncpg.Connection, writers: list[int], first: First) -> dict[int, int]:
    rows = await connection.fetch(statement("read_cumulative_since"), writers)
    since = {row["writer_id"]: row["cumulative_since_ns"] for row in rows}
    unknown = [writer_id for writer_id, found in since.items() if found is None]
    if unknown:
        rows = await connection.fetch(statement("write_cumulative_since"), unknown, _SINCE_NS[first])
        since.update((row["writer_id"], row["cumulative_since_ns"]) for row in rows)
    return since


@dataclass(slots=True)
class _Known:
    """What the database holds of one stream: the last row before the new points, and those from there on."""

    before: Row | None
    rows: list[Row]


async def _read(connection: asyncpg.Connection, streams: _Streams, start: int) -> dict[int, _Known]:
    """By number, the streams that may change."""
    known: dict[int, _Known] = defaultdict(lambda: _Known(None, []))
    for found in await connection.fetch(statement("read_cumulative"), *streams.wanted(start)):
        number, is_before, at_ns, first_ns, first, first_exponent, end_ns, mantissa, exponent, *reached = found
        stream = known[start + number - 1]
        if at_ns is None:
            continue
        row = Row(
            at_ns, first_ns, number_of(first, first_exponent), end_ns, number_of(mantissa, exponent),
            number_of(*reached),
        )  # fmt: skip
        if is_before:
            stream.before = row
        else:
            stream.rows.append(row)
    return known


async def _write(connection: asyncpg.Connection, rows: list[tuple[tuple[int, int, int], Row]]) -> None:
    for start in range(0, len(rows), _STREAMS_A_STATEMENT):
        columns = zip(*(_columns(key, row) for key, row in rows[start : start + _STREAMS_A_STATEMENT]), strict=True)
        await connection.execute(statement("write_cumulative"), *columns)


def _columns(key: tuple[int, int, int], row: Row) -> tuple[int, ...]:
    first, highest, reached = quantity(row.first), quantity(row.highest), quantity(row.reached)
    return (
        *key, row.at_ns, row.first_ns, first.mantissa, first.exponent, row.end_ns, highest.mantissa, highest.exponent,
        reached.mantissa, reached.exponent,
    )  # fmt: skip
