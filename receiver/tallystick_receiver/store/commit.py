"""One commit: ledger, points and deltas together, or nothing; the answer goes out after it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from tallystick_receiver.announcement import Announcement
from tallystick_receiver.deltas import deltas_of
from tallystick_receiver.ledger import Entries
from tallystick_receiver.points import RefusedPoint
from tallystick_receiver.staging import Request, Staged, StoredParts, by_collection, stage
from tallystick_receiver.store import rows
from tallystick_receiver.store.announce import Attendance
from tallystick_receiver.store.cumulative import Converted, convert
from tallystick_receiver.store.keeping import Held, Keeper, lock_keeping
from tallystick_receiver.store.pgcopy import received_array
from tallystick_receiver.store.quarantine import write_quarantine
from tallystick_receiver.store.recorded import RECORDED_COLUMNS, recorded_chunks
from tallystick_receiver.store.records import write_records
from tallystick_receiver.store.sampling import Sampler
from tallystick_receiver.store.statements import statement
from tallystick_receiver.store.subscriptions import Listeners

if TYPE_CHECKING:
    import asyncpg

    from tallystick_receiver.points import Points, Records
    from tallystick_receiver.settings import First


async def commit(
    connection: asyncpg.Connection,
    requests: list[Request],
    records: list[Records | None],
    cumulative: Points,
    first: First,
    announcements: list[Announcement],
    refused: list[RefusedPoint],
    attendance: Attendance,
    keeper: Keeper,
    sampler: Sampler,
    listeners: Listeners,
    now_ns: int,
    quarantine_rows_max: int,
) -> tuple[Staged, Converted, int]:
    """Write what is new of several requests, their records, and what their cumulative points add, in one transaction.

    Returns:
        What was staged, with a verdict on each request, all of it durable; what was derived from cumulative points;
        and how many refused points the full quarantine could not keep.

    Raises:
        asyncpg.UniqueViolationError: another receiver wrote a part of the same collection, or a record of the same id,
            meanwhile; look again.
    """
    kept: dict[Held, int] = {}
    async with connection.transaction():
        version = await lock_keeping(connection)
        converted = await convert(connection, cumulative, first)
        derived = by_collection(converted.points)
        stored = await _read_stored(connection, [*requests, derived])
        recognised = await write_records(connection, records, stored, sampler, version)
        staged = stage(requests, stored).with_derived(derived, stored)
        announceable = staged.parts
        staged = staged.with_derived(recognised.points, stored).with_records(recognised.verdicts)
        if staged.parts:
            await _copy(connection, "usage_collection", rows.COLLECTION_COLUMNS,
                        rows.collection_chunks(staged.parts, now_ns))  # fmt: skip
            for copy in rows.point_copies(staged.points):
                await _copy(connection, "usage_point", rows.POINT_COLUMNS, [copy])
            reduced, kept = await keeper.reduced(connection, staged.points, version)
            await _copy(connection, "usage_delta", rows.DELTA_COLUMNS, rows.delta_chunks(deltas_of(reduced)))
            heard = listeners.heard(staged.points)
            if len(heard):
                await _copy(connection, "usage_recorded", RECORDED_COLUMNS, recorded_chunks(heard, now_ns))
        now = datetime.fromtimestamp(now_ns / 1e9, UTC)
        present = await attendance.write(connection, announceable, announcements, now)
        lost = await write_quarantine(connection, refused, now_ns, quarantine_rows_max) if refused else 0
    attendance.remember(present)
    keeper.remember(kept)
    sampler.remember(recognised.fresh)
    return staged, converted, lost


async def _read_stored(connection: asyncpg.Connection, requests: list[Request]) -> StoredParts:
    stored = StoredParts()
    keys = {key for request in requests for key, _ in request}
    if not keys:
        return stored
    writers, ends = zip(*sorted(keys), strict=True)
    for row in await connection.fetch(statement("read_collections"), writers, ends):
        key = (row["writer_id"], row["end_ns"])
        stored.parts[key].append(_entries(row))
        stored.next_part[key] = max(stored.next_part[key], row["part"] + 1)
    return stored


def _entries(row: asyncpg.Record) -> Entries:
    series = received_array(row["series_ids"], np.int64)
    start = received_array(row["start_ns"], np.int64)
    exponent = received_array(row["exponents"], np.int16)
    return Entries(
        series_id=series,
        start_ns=np.full(len(series), start[0], dtype=np.int64) if len(start) == 1 else start,
        mantissa=received_array(row["mantissas"], np.int64),
        exponent=exponent if len(exponent) else np.zeros(len(series), dtype=np.int16),
    )


async def _copy(connection: asyncpg.Connection, table: str, columns: tuple[str, ...], chunks: Iterable[bytes]) -> None:
    await connection.copy_to_table(table, source=_stream(chunks), columns=columns, format="binary")


async def _stream(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    waiting: list[bytes] = []
    size = 0
    for chunk in chunks:
        waiting.append(chunk)
        size += len(chunk)
        if size > 1 << 18:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join(waiting)
