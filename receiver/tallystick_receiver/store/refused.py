"""Reading the quarantine and marking what was replayed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from tallystick_receiver.store.statements import statement

if TYPE_CHECKING:
    from tallystick_receiver.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantinedPoint:
    """One row of the quarantine; `body` is an OTLP request of this one point."""

    quarantine_id: int
    first_seen: datetime
    last_seen: datetime
    times: int
    reason: str
    detail: str
    org: str | None
    credential_org: str | None
    encoding: str
    body: bytes
    replayed_at: datetime | None


Cursor = tuple[datetime, int]


async def read_quarantine(
    database: Database, *, reason: str | None, org: str | None, after: Cursor | None, limit: int,
    newest_first: bool = False,
) -> list[QuarantinedPoint]:  # fmt: skip
    """A page, oldest first unless wanted otherwise.

    Raises:
        Unavailable: the database is out of reach.
    """
    time, number = after or (None, None)
    async with database.reading() as connection:
        which = "read_newest_quarantine" if newest_first else "read_quarantine"
        rows = await connection.fetch(statement(which), reason, org, time, number, limit)
    return [QuarantinedPoint(**dict(row)) for row in rows]


async def read_quarantined_point(database: Database, quarantine_id: int) -> QuarantinedPoint | None:
    """One row, or None.

    Raises:
        Unavailable: the database is out of reach.
    """
    async with database.reading() as connection:
        row = await connection.fetchrow(statement("read_quarantined_point"), quarantine_id)
    return None if row is None else QuarantinedPoint(**dict(row))


async def mark_replayed(database: Database, quarantine_id: int, now: datetime) -> None:
    """The point is stored now (or was stored before, as a duplicate).

    Raises:
        Unavailable: the database is out of reach.
    """
    async with database.reading() as connection:
        await connection.execute(statement("mark_replayed"), quarantine_id, now)
