"""The write side of the store: a group of requests, durable when `write` returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import asyncpg
import numpy as np

from tallystick.refusal import Reason, Refused
from tallystick_receiver.errors import Unavailable
from tallystick_receiver.identity import id_of
from tallystick_receiver.points import Batch, Points, RefusedPoint
from tallystick_receiver.settings import First
from tallystick_receiver.staging import Verdict, collections_of
from tallystick_receiver.store.announce import Attendance
from tallystick_receiver.store.as_otlp import Identities, as_refused, refused_points
from tallystick_receiver.store.commit import commit
from tallystick_receiver.store.dictionary import Collisions, collides, describe
from tallystick_receiver.store.keeping import Keeper
from tallystick_receiver.store.partitions import DAY_NS, Partitions, days_of
from tallystick_receiver.store.quarantine import write_quarantine
from tallystick_receiver.store.sampling import Sampler
from tallystick_receiver.store.subscriptions import Listeners

if TYPE_CHECKING:
    from tallystick_receiver.store.changes import Herald
    from tallystick_receiver.store.database import Database
    from tallystick_receiver.streams import Streams
    from tallystick_receiver.telemetry import Telemetry

_ATTEMPTS: Final = 8


class UsageWriter:
    """Writes batches and says what became of each."""

    def __init__(
        self, database: Database, streams: Streams, herald: Herald, telemetry: Telemetry, *, now_ns: Callable[[], int],
        quarantine_rows_max: int, first: First = First.SINCE_INSTALL,
    ) -> None:  # fmt: skip
        self._database = database
        self._streams = streams
        self._herald = herald
        self._telemetry = telemetry
        self._now_ns = now_ns
        self._quarantine_rows_max = quarantine_rows_max
        self._first = first
        self._partitions = Partitions()
        self._attendance = Attendance()
        self._keeper = Keeper()
        self._sampler = Sampler()
        self._listeners = Listeners()

    async def write(self, batches: list[Batch]) -> list[Verdict]:
        """Commit several requests at once.

        Raises:
            Unavailable: nothing is known to be stored; sending again is harmless.
            StoreRejected: the database refuses the content of one of them.
        """
        for attempt in range(_ATTEMPTS):
            try:
                verdicts: list[Verdict] = await self._database.writing(
                    lambda connection: self._write(connection, batches)
                )
            except asyncpg.UniqueViolationError:
                self._telemetry.add("commits.repeated")
            except asyncpg.CheckViolationError:
                self._partitions.forget()
                self._telemetry.add("commits.repeated")
            except Unavailable:
                if attempt:
                    raise
                self._telemetry.add("commits.repeated")
            else:
                self._telemetry.add("commits")
                return verdicts
        raise Unavailable("other receivers keep writing the same collections")

    async def _write(self, connection: asyncpg.Connection, batches: list[Batch]) -> list[Verdict]:
        streams = [stream for batch in batches for stream in batch.streams]
        writers = [writer for batch in batches for writer in batch.writers]
        collisions = await describe(connection, streams, writers)
        dropped = await self._partitions.ensure(connection, {day for batch in batches for day in days_of(batch)})
        for batch in batches:
            if not _has_collision(batch, collisions):
                self._streams.confirm(batch.streams, batch.writers)
            else:
                _refuse_collisions(batch, collisions)
            if dropped:
                await _refuse_dropped(connection, batch, dropped)
        refused = [point for batch in batches for point in batch.refused]
        cumulative = Points.join([batch.cumulative for batch in batches if len(batch.cumulative)])
        announcements = [found for batch in batches for found in batch.announcements]
        await self._attendance.describe(connection, announcements)
        await self._listeners.refresh(connection)
        staged, converted, lost = await commit(
            connection, collections_of(batches), [batch.records for batch in batches], cumulative, self._first,
            announcements, refused, self._attendance, self._keeper, self._sampler, self._listeners,
            self._now_ns(), self._quarantine_rows_max,
        )  # fmt: skip
        self._herald.usage_of(np.unique(staged.points.org_id).tolist())
        self._telemetry.add("quarantine.lost", lost)
        self._telemetry.add("cumulative.points", len(cumulative))
        self._telemetry.add("cumulative.derived", len(converted.points))
        self._telemetry.add("cumulative.fallen", converted.fallen)
        return await self._keep_conflicts(connection, batches, staged.verdicts)

    async def _keep_conflicts(
        self, connection: asyncpg.Connection, batches: list[Batch], verdicts: list[Verdict]
    ) -> list[Verdict]:
        """Conflicts are rare: they are described in a second transaction, before anybody is answered."""
        judged = []
        for batch, verdict in zip(batches, verdicts, strict=True):
            points: list[RefusedPoint] = []
            if len(verdict.conflicts):
                points = await refused_points(
                    connection, verdict.conflicts, Reason.CONFLICT, batch.credential_org, beside=batch.points
                )
                lost = await write_quarantine(connection, points, self._now_ns(), self._quarantine_rows_max)
                self._telemetry.add("quarantine.lost", lost)
            accepted = verdict.accepted + len(batch.cumulative)
            judged.append(replace(verdict, accepted=accepted, refused=verdict.refused + len(points)))
        return judged


async def _refuse_dropped(connection: asyncpg.Connection, batch: Batch, dropped: set[int]) -> None:
    """Points of days whose ledger is gone: nobody could tell any more whether they were counted."""
    days = list(dropped)

    def is_dropped(points: Points) -> np.ndarray:
        return np.isin(points.end_ns // DAY_NS, days) | np.isin((points.end_ns - 1) // DAY_NS, days)

    for points, beside in _take_out(batch, is_dropped, Reason.TOO_OLD):
        _refuse(batch, await refused_points(connection, points, Reason.TOO_OLD, batch.credential_org, beside=beside))


def _take_out(batch: Batch, wrong: Callable[[Points], np.ndarray], reason: Reason) -> list[tuple[Points, Points]]:
    """Remove the points that are wrong from a batch, and return them with all that were beside them.

    Records keep their refusals themselves.
    """
    if batch.records is not None and len(batch.records):
        batch.records.refuse(wrong(batch.records.points), Refused(reason))
    found = [(wrong(points), points) for points in (batch.points, batch.cumulative)]
    batch.points, batch.cumulative = (points.take(~mask) for mask, points in found)
    return [(points.take(mask), points) for mask, points in found if mask.any()]


def _refuse(batch: Batch, refused: list[RefusedPoint]) -> None:
    batch.refused += refused
    batch.refused_count += len(refused)


def _has_collision(batch: Batch, collisions: Collisions) -> bool:
    """Whether an id of the batch stands for something else; it is then never confirmed, and found each time."""
    return bool(collisions) and (
        any(("writer", id_of(writer.identity)) in collisions for writer in batch.writers)
        or any(collides(stream, collisions) for stream in batch.streams)
    )


def _refuse_collisions(batch: Batch, collisions: Collisions) -> None:
    """Move the points of colliding streams and writers from the accepted to the refused."""
    streams = {id_of(stream.series_identity): stream for stream in batch.streams}
    writers = {id_of(writer.identity): writer for writer in batch.writers}
    bad_series = [number for number, stream in streams.items() if collides(stream, collisions)]
    bad_writers = [number for number in writers if ("writer", number) in collisions]
    identities = Identities(streams=streams, writers=writers)
    reason = Reason.IDENTITY_COLLISION

    def is_bad(points: Points) -> np.ndarray:
        return np.isin(points.series_id, bad_series) | np.isin(points.writer_id, bad_writers)

    for points, beside in _take_out(batch, is_bad, reason):
        known = np.isin(points.series_id, list(streams)) & np.isin(points.writer_id, list(writers))
        batch.refused_count += int((~known).sum())
        _refuse(batch, as_refused(points.take(known), identities, reason, batch.credential_org, beside=beside))
