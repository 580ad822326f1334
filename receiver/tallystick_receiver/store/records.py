"""Records in a commit: looked up by their ids, and written beside the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from tallystick_receiver.ledger import NEW
from tallystick_receiver.points import Points, Records
from tallystick_receiver.recognition import Known, recognise
from tallystick_receiver.staging import Request, StoredParts, by_collection
from tallystick_receiver.store.statements import statement

if TYPE_CHECKING:
    import asyncpg

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_AT_A_TIME: Final = 10_000
"""Ids of one statement, which has its own time limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """What became of the records of a commit's requests.

    Attributes:
        verdicts: of each request, by place: NEW, DUPLICATE or CONFLICT.
        points: the new ones, by collection.
    """

    verdicts: list[dict[int, int]]
    points: Request


async def write_records(
    connection: asyncpg.Connection, requests: list[Records | None], stored: StoredParts
) -> Recognised:
    """Within the commit: decide which records are new, and write down their ids.

    Args:
        connection: in the transaction of the commit.
        requests: the records of each request; None where there are none.
        stored: learns the next free part of the collections that get new records.

    Raises:
        asyncpg.UniqueViolationError: another receiver wrote one of the ids meanwhile; look again.
    """
    ids = sorted({record_id for records in requests if records is not None for record_id in records.ids})
    if not ids:
        return Recognised(verdicts=[{} for _ in requests], points=[])
    known: dict[bytes, Known] = {}
    for first in range(0, len(ids), _AT_A_TIME):
        rows = await connection.fetch(statement("read_records"), ids[first : first + _AT_A_TIME])
        known |= {row[0]: Known(*tuple(row)[1:]) for row in rows}
    before = set(known)
    verdicts = recognise(requests, known)
    new = sorted((record_id, *known[record_id]) for record_id in ids if record_id not in before)
    for first in range(0, len(new), _AT_A_TIME):
        columns = zip(*new[first : first + _AT_A_TIME], strict=True)
        await connection.execute(statement("write_records"), *columns)
    found = [(records, verdict) for records, verdict in zip(requests, verdicts, strict=True) if records is not None]
    fresh = [records.points.take(np.array(verdict, dtype=np.int8) == NEW) for records, verdict in found if verdict]
    points = by_collection(Points.join([part for part in fresh if len(part)]))
    await _number_parts(connection, points, stored)
    return Recognised(
        verdicts=[
            {} if records is None else dict(zip(records.place.tolist(), verdict, strict=True))
            for records, verdict in zip(requests, verdicts, strict=True)
        ],
        points=points,
    )


async def forget_records(connection: asyncpg.Connection, reachable_from: datetime) -> None:
    """Drop the ids of records that said a time of a sealed day: a resend says it again, and is too old for ever.

    Args:
        connection: an own one.
        reachable_from: until then the ledger's days are dropped, so that no receiver accepts points before it.
    """
    await connection.execute(statement("delete_records"), (reachable_from - _EPOCH) // timedelta(microseconds=1) * 1000)


async def _number_parts(connection: asyncpg.Connection, points: Request, stored: StoredParts) -> None:
    """Arrays are not compared, so only the number of the last part is read, however many parts a moment has."""
    if not points:
        return
    writers, ends = zip(*(key for key, _ in points), strict=True)
    for row in await connection.fetch(statement("read_last_parts"), writers, ends):
        key = (row["writer_id"], row["end_ns"])
        stored.next_part[key] = max(stored.next_part[key], row["part"] + 1)
