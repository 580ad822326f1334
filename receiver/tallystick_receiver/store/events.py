"""Events in the database: appended in the transaction that makes them true, in the order of commits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from tallystick_receiver.changes import Topic, change_in
from tallystick_receiver.events import Event, StoredEvent
from tallystick_receiver.identity import org_id_of
from tallystick_receiver.store.changes import tell
from tallystick_receiver.store.statements import statement

if TYPE_CHECKING:
    import asyncpg

    from tallystick_receiver.store.database import Database

_ORDER: Final = 0x7A11_0007
_DROPPED_AT_ONCE: Final = 10_000


async def write_events(connection: asyncpg.Connection, events: Sequence[Event]) -> None:
    """Append events, in this order, and a delivery for each of their recipients.

    The lock makes writers take turns until they have committed. A sequence alone would let a reader pass a number that
    a slower transaction commits later.

    Args:
        connection: in a transaction, which ought to end soon.
        events: none is fine.
    """
    if not events:
        return
    await connection.execute(statement("lock_events"), _ORDER)
    await connection.execute(
        statement("write_events"), [e.id for e in events], [e.type.value for e in events], [e.org for e in events],
        [e.at for e in events], [e.body for e in events],
    )  # fmt: skip
    await tell(connection, change_in(Topic.EVENT, (None if e.org is None else org_id_of(e.org) for e in events)))
    emails = [(e.id, email, org) for e in events for email, org in e.recipients.emails.items()]
    await connection.execute(
        statement("write_deliveries"), [e.id for e in events], [e.id for e in events if e.recipients.slack],
        [event for event, _, _ in emails], [email for _, email, _ in emails], [org for _, _, org in emails],
    )  # fmt: skip


async def read_events(
    database: Database, *, after: int, types: Sequence[str] | None, org: str | None, limit: int
) -> list[StoredEvent]:
    """Events after a number; of an organisation those that concern it.

    Raises:
        Unavailable: the database is out of reach.
    """
    async with database.reading() as connection:
        rows = await connection.fetch(statement("read_events"), after, types, org, limit)
    return [StoredEvent(**dict(row)) for row in rows]


async def last_event(database: Database) -> int:
    """The number of the last event; 0 before the first.

    Raises:
        Unavailable: the database is out of reach.
    """
    async with database.reading() as connection:
        number: int = await connection.fetchval(statement("read_last_event"))
    return number


async def dropped_until(database: Database) -> int:
    """The number of the last event that was dropped for its age; 0 where none was.

    Whoever asks after reading events learns whether one was missing among them.

    Raises:
        Unavailable: the database is out of reach.
    """
    async with database.reading() as connection:
        number: int = await connection.fetchval(statement("read_dropped_events"))
    return number


async def drop_events(connection: asyncpg.Connection, before: datetime) -> int:
    """Drop events of before a time, from the first one on: what is kept has no holes.

    Returns:
        How many.
    """
    dropped = 0
    while count := await connection.fetchval(statement("drop_events"), before, _DROPPED_AT_ONCE):
        dropped += count
    return dropped
