"""What a commit keeps beside the ledger: what senders announce, and who wrote without announcing."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from tallystick_receiver.announcement import Announcement, MetricName
from tallystick_receiver.staging import Part
from tallystick_receiver.store.statements import statement

if TYPE_CHECKING:
    import asyncpg

HOUR_NS: Final = 3600 * 10**9
_REMEMBERED_MAX: Final = 200_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_Entry = tuple[datetime, int, int]
"""Hour, writer, metric."""


class Attendance:
    """Writes down who wrote which metric in which hour; remembers it, so that it is written once."""

    def __init__(self) -> None:
        self._known: set[_Entry] = set()
        self._metrics: set[int] = set()

    async def describe(self, connection: asyncpg.Connection, announcements: list[Announcement]) -> None:
        """Write the metrics that are announced into the dictionary: they may be missing for ever."""
        names: dict[int, MetricName] = {}
        for announcement in announcements:
            if not announcement.metrics.keys() <= self._metrics:
                names |= announcement.metrics
        if names:
            rows = [(number, *name) for number, name in names.items()]
            await connection.execute(statement("write_metrics"), *zip(*rows, strict=True))
            self._metrics = _bounded(self._metrics) | names.keys()

    async def write(
        self, connection: asyncpg.Connection, parts: list[Part], announcements: list[Announcement], now: datetime
    ) -> set[_Entry]:
        """In the commit: the announcements, and who wrote without one.

        Returns:
            What to `remember` when the commit succeeded.
        """
        if announcements:
            await _write_announcements(connection, announcements, now)
        announced = {(found.writer_id, found.end_ns) for found in announcements}
        others = [part for part in parts if (part.writer_id, part.end_ns) not in announced]
        if not others:
            return set()
        keys = sorted({(part.writer_id, part.end_ns) for part in others})
        await connection.execute(statement("recall_announcements"), *zip(*keys, strict=True), now)
        writers = {writer for writer, _ in announced}
        fresh = {entry for part in others if part.writer_id not in writers for entry in _entries(part)} - self._known
        if fresh:
            await connection.execute(statement("write_presence"), *zip(*fresh, strict=True))
        return fresh

    def remember(self, entries: set[_Entry]) -> None:
        """They are in the database."""
        if entries:
            self._known = _bounded(self._known) | entries


def _bounded(known: set[Any]) -> set[Any]:
    return known if len(known) < _REMEMBERED_MAX else set()


def _entries(part: Part) -> Iterable[_Entry]:
    hour = _EPOCH + timedelta(hours=(part.end_ns - 1) // HOUR_NS)
    return ((hour, part.writer_id, int(metric)) for metric in set(part.points.metric_id.tolist()))


async def _write_announcements(
    connection: asyncpg.Connection, announcements: list[Announcement], now: datetime
) -> None:
    rows = [
        (
            a.writer_id,
            a.begun_ns,
            a.sequence,
            a.start_ns,
            a.end_ns,
            a.interval_ns,
            a.is_last,
            json.dumps(a.entries, separators=(",", ":")),
        )
        for a in announcements
    ]
    await connection.execute(statement("write_announcements"), *zip(*rows, strict=True), now)
