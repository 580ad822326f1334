"""From plain PostgreSQL to TimescaleDB, and from its Apache to its community edition, while receivers go on.

Points are copied a partition at a time beside the old table. A partition whose copy has as many rows is done, which
makes the whole resumable: points are only ever appended. The switch locks the points, counts once more, copies what
came meanwhile and renames; senders get 503 that long and come back.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from tallystick_receiver.store.aggregates import refresh_aggregates
from tallystick_receiver.store.edition import (
    Edition,
    EditionError,
    extended,
    record_edition,
    recorded_edition,
)
from tallystick_receiver.store.migrate import LOCK, apply, migrations, note, pending
from tallystick_receiver.store.retention import dropped_before
from tallystick_receiver.store.statements import statement
from tallystick_receiver.store.verify import first_day

if TYPE_CHECKING:
    import asyncpg

Progress = Callable[[str, int, int], object]
"""Called with what is being done, how much of it is done and how much there is."""
_DAY: Final = timedelta(days=1)
_POINTS: Final = "partition_points"


async def convert(connection: asyncpg.Connection, progress: Progress) -> Edition:
    """Make a migrated database what its server offers.

    Returns:
        The edition that it is now; the same as before when there was nothing to do.

    Raises:
        EditionError: the server offers no TimescaleDB, or one that is too old.
    """
    await connection.execute("SELECT pg_advisory_lock($1)", LOCK)
    try:
        before = await recorded_edition(connection)
        server = await extended(connection)
        target = server.edition
        if not target.is_timescaledb:
            raise EditionError("the server offers no TimescaleDB: install it, preload it and restart PostgreSQL")
        if before is Edition.POSTGRESQL:
            await _copy_points(connection, progress)
            await _switch(connection, progress)
        if target is Edition.COMMUNITY and before is not Edition.COMMUNITY:
            for migration in await pending(connection, target):
                await apply(connection, migration, target)
            await record_edition(connection, target)
            await _fill_aggregates(connection, progress)
        return target
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1)", LOCK)


async def _copy_points(connection: asyncpg.Connection, progress: Progress) -> None:
    async with connection.transaction():
        await connection.execute(statement("create_point_hypertable"))
    partitions = await connection.fetch(statement("read_partitions"), "usage_point")
    for done, partition in enumerate(partitions, 1):
        await _copy_partition(connection, partition["name"])
        progress("points copied, in partitions", done, len(partitions))


async def _copy_partition(connection: asyncpg.Connection, name: str) -> None:
    """Make the copy of a partition equal; nothing happens where it is equal already."""
    found = await connection.fetchrow(_of(name, "read_partition_size"))
    if not found["points"]:
        return
    window = (found["first"], found["last"])
    if await connection.fetchval(statement("read_copied"), *window) == found["points"]:
        return
    async with connection.transaction():
        await connection.execute(statement("delete_copied"), *window)
        await connection.execute(_of(name, "copy_partition"))


def _of(partition: str, name: str) -> str:
    return statement(name).replace("usage_point_partition", partition)


async def _switch(connection: asyncpg.Connection, progress: Progress) -> None:
    """One transaction: nobody sees the points twice or not at all.

    The ledger is locked first, as commits do: a COPY of points that waited for the lock would be taken for one into a
    plain table by TimescaleDB's hook and end in the hypertable's root, where no query looks (measured with 2.31).
    """
    [migration] = [m for m in migrations(Edition.APACHE) if m.name == _POINTS]
    async with connection.transaction():
        await connection.execute("LOCK TABLE usage_collection, usage_point IN ACCESS EXCLUSIVE MODE")
        partitions = await connection.fetch(statement("read_partitions"), "usage_point")
        for done, partition in enumerate(partitions, 1):
            await _copy_partition(connection, partition["name"])
            progress("counted again", done, len(partitions))
        await connection.execute(statement("switch_points"))
        await note(connection, migration)
        await record_edition(connection, Edition.APACHE)


async def _fill_aggregates(connection: asyncpg.Connection, progress: Progress) -> None:
    """Interrupted, it is finished by the policies and, until then, by reading the points."""
    first = await first_day(connection)
    if first is None:
        return
    first = max(first, (await dropped_before(connection))["usage_point"])
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    days = max((today - first) // _DAY, 0)
    for done in range(days):
        await refresh_aggregates(connection, first + done * _DAY, first + (done + 1) * _DAY)
        progress("days aggregated", done + 1, days)
