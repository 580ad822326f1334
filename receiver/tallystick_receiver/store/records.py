"""Records in a commit: looked up by their ids, and written beside the ledger."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from tallystick.refusal import Reason
from tallystick_receiver.ledger import NEW, Became
from tallystick_receiver.points import Points, Records
from tallystick_receiver.recognition import Known, recognise
from tallystick_receiver.staging import Request, StoredParts, by_collection
from tallystick_receiver.store.sampling import Level, Sampled, Sampler, Set
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
        verdicts: what became of the records of each request, by place.
        points: the new ones, by collection.
        fresh: what the sampler is to remember once it is committed.
    """

    verdicts: list[dict[int, Became]]
    points: Request
    fresh: Mapping[Set, Level] = field(default_factory=dict)


async def write_records(
    connection: asyncpg.Connection, requests: list[Records | None], stored: StoredParts, sampler: Sampler, version: int
) -> Recognised:
    """Within the commit: decide which records are new, and write down their ids.

    Args:
        connection: in the transaction of the commit.
        requests: the records of each request; None where there are none.
        stored: learns the next free part of the collections that get new records.
        sampler: knows which of them are samples of levels.
        version: what `lock_keeping` said in this transaction.

    Raises:
        asyncpg.UniqueViolationError: another receiver wrote one of the ids meanwhile; look again.
    """
    ids = sorted({record_id for records in requests if records is not None for record_id in records.ids})
    if not ids:
        return Recognised(verdicts=[{} for _ in requests], points=[])
    sizes = [0 if records is None else len(records) for records in requests]
    sampled = await sampler.sampled(
        connection, Points.join([records.points for records in requests if records is not None]), version
    )
    wrong = _split(_wrong(sampled), sizes)
    known: dict[bytes, Known] = {}
    for first in range(0, len(ids), _AT_A_TIME):
        rows = await connection.fetch(statement("read_records"), ids[first : first + _AT_A_TIME])
        known |= {row[0]: Known(*tuple(row)[1:]) for row in rows}
    before = set(known)
    verdicts = recognise(requests, wrong, known)
    new = sorted((record_id, *known[record_id]) for record_id in known.keys() - before)
    for first in range(0, len(new), _AT_A_TIME):
        columns = zip(*new[first : first + _AT_A_TIME], strict=True)
        await connection.execute(statement("write_records"), *columns)
    is_new = np.array([became == NEW for verdict in verdicts for became in verdict], dtype=bool)
    points = by_collection(sampled.points.take(is_new))
    await _number_parts(connection, points, stored)
    return Recognised(
        verdicts=[
            {} if records is None else dict(zip(records.place.tolist(), verdict, strict=True))
            for records, verdict in zip(requests, verdicts, strict=True)
        ],
        points=points,
        fresh=sampled.fresh,
    )


def _wrong(sampled: Sampled) -> list[Reason | None]:
    """Why records could not be stored if they were new: usage is not negative, a level may be."""
    negative = (sampled.points.mantissa < 0) & ~sampled.points.is_level
    return [
        Reason.IDENTITY_COLLISION if collides else Reason.NEGATIVE if is_negative else None
        for collides, is_negative in zip(sampled.collides.tolist(), negative.tolist(), strict=True)
    ]


def _split(reasons: list[Reason | None], sizes: list[int]) -> list[list[Reason | None]]:
    ends = itertools.accumulate(sizes)
    return [reasons[end - size : end] for size, end in zip(sizes, ends, strict=True)]


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
