"""Cumulative points -> what they add, inside the commit; what is known of each stream is a table of the database.

Two receivers that hold points of one writer take turns, so that each sees what the other has counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from tallystick.semconv import INT64_MAX
from tallystick_receiver.cumulative import Change, Row, Sample, change, number_of, place_of, quantity
from tallystick_receiver.points import Points
from tallystick_receiver.settings import First
from tallystick_receiver.store.statements import statement

if TYPE_CHECKING:
    import asyncpg

LOCK: Final = 0x7A11_0005
BUCKETS: Final = 64
_STREAMS_A_STATEMENT: Final = 10_000

_Key = tuple[int, int, int]
"""Writer, series, start."""


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


NOTHING_CONVERTED: Final = Converted(points=Points.empty(), fallen=0)


async def convert(connection: asyncpg.Connection, points: Points, first: First) -> Converted:
    """Look up what is known of the streams, write down what is known now, and say what that adds.

    Call it in the transaction that stores the result, before anything else takes a lock there.
    """
    if not len(points):
        return NOTHING_CONVERTED
    samples, positions = _by_stream(points)
    writers = sorted({writer_id for writer_id, _, _ in samples})
    await lock_writers(connection, writers)
    since = await _since(connection, writers, first)
    changes: dict[_Key, Change] = {}
    for keys in _portions(sorted(samples)):
        before, known = await _read(connection, samples, keys)
        for key in keys:
            in_full = key[2] >= since.get(key[0], INT64_MAX)
            changes[key] = change(
                key[2], in_full=in_full, before=before.get(key), known=known[key], samples=samples[key]
            )
        await _write(connection, [(key, row) for key in keys for row in changes[key].rows])
    return Converted(
        points=_derived(points, positions, changes), fallen=sum(found.fallen for found in changes.values())
    )


async def lock_writers(connection: asyncpg.Connection, writers: list[int]) -> None:
    """Hold other receivers off these writers until the end of the transaction."""
    buckets = sorted({writer_id % BUCKETS for writer_id in writers})
    await connection.execute(statement("lock_cumulative"), LOCK, buckets)


def _by_stream(points: Points) -> tuple[dict[_Key, list[Sample]], dict[_Key, int]]:
    """The points of each stream, and the position of one of them."""
    samples: dict[_Key, list[Sample]] = defaultdict(list)
    positions: dict[_Key, int] = {}
    columns = (points.writer_id, points.series_id, points.start_ns, points.end_ns, points.mantissa, points.exponent)
    for position, (writer_id, series_id, start_ns, end_ns, mantissa, exponent) in enumerate(
        zip(*(column.tolist() for column in columns), strict=True)
    ):
        key = (writer_id, series_id, start_ns)
        samples[key].append(Sample(end_ns, number_of(mantissa, exponent)))
        positions[key] = position
    return samples, positions


def _portions(keys: list[_Key]) -> Iterator[list[_Key]]:
    """A statement has its time limit, however large the request is."""
    for start in range(0, len(keys), _STREAMS_A_STATEMENT):
        yield keys[start : start + _STREAMS_A_STATEMENT]


async def _since(connection: asyncpg.Connection, writers: list[int], first: First) -> dict[int, int]:
    rows = await connection.fetch(statement("read_cumulative_since"), writers)
    since = {row["writer_id"]: row["cumulative_since_ns"] for row in rows}
    unknown = [writer_id for writer_id, found in since.items() if found is None]
    if unknown:
        rows = await connection.fetch(statement("write_cumulative_since"), unknown, _SINCE_NS[first])
        since.update((row["writer_id"], row["cumulative_since_ns"]) for row in rows)
    return since


async def _read(
    connection: asyncpg.Connection, samples: dict[_Key, list[Sample]], keys: list[_Key]
) -> tuple[dict[_Key, Row], dict[_Key, list[Row]]]:
    places = [min(place_of(key[2], sample.end_ns) for sample in samples[key]) for key in keys]
    before: dict[_Key, Row] = {}
    known: dict[_Key, list[Row]] = defaultdict(list)
    for found in await connection.fetch(statement("read_cumulative"), *zip(*keys, strict=True), places):
        key = (found["writer_id"], found["series_id"], found["start_ns"])
        row = Row(
            found["at_ns"], found["first_ns"], number_of(found["first_mantissa"], found["first_exponent"]),
            found["end_ns"], number_of(found["mantissa"], found["exponent"]),
            number_of(found["reached_mantissa"], found["reached_exponent"]),
        )  # fmt: skip
        if found["is_before"]:
            before[key] = row
        else:
            known[key].append(row)
    for rows in known.values():
        rows.sort(key=lambda row: row.at_ns)
    return before, known


async def _write(connection: asyncpg.Connection, rows: list[tuple[_Key, Row]]) -> None:
    for start in range(0, len(rows), _STREAMS_A_STATEMENT):
        columns = zip(*(_columns(key, row) for key, row in rows[start : start + _STREAMS_A_STATEMENT]), strict=True)
        await connection.execute(statement("write_cumulative"), *columns)


def _columns(key: _Key, row: Row) -> tuple[int, ...]:
    first, highest, reached = quantity(row.first), quantity(row.highest), quantity(row.reached)
    return (
        *key, row.at_ns, row.first_ns, first.mantissa, first.exponent, row.end_ns, highest.mantissa, highest.exponent,
        reached.mantissa, reached.exponent,
    )  # fmt: skip


def _derived(points: Points, positions: dict[_Key, int], changes: dict[_Key, Change]) -> Points:
    added = [(positions[key], *found) for key, changed in changes.items() for found in changed.added]
    derived = points.take(np.array([position for position, _, _ in added], dtype=np.int64))
    derived.end_ns = np.array([end_ns for _, end_ns, _ in added], dtype=np.int64)
    derived.mantissa = np.array([found.mantissa for _, _, found in added], dtype=np.int64)
    derived.exponent = np.array([found.exponent for _, _, found in added], dtype=np.int16)
    return derived
