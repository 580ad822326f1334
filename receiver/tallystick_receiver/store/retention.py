"""Dropping what is kept no longer; what was dropped is written down in the same transaction.

So no answer is short without saying so. Whoever reads usage holds the table usage_retention meanwhile; a drop locks it,
so that no reader loses points under way.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Final

import asyncpg

from tallystick_receiver.horizons import Horizons
from tallystick_receiver.store.aggregates import refresh_aggregates
from tallystick_receiver.store.edition import Edition
from tallystick_receiver.store.partitions import DAY_NS
from tallystick_receiver.store.statements import statement

_log = logging.getLogger(__name__)
_LOCK_WAIT: Final = "SET LOCAL lock_timeout = '1s'"
_HOLD_READERS: Final = "LOCK TABLE usage_retention IN ACCESS EXCLUSIVE MODE"
_HOURLY: Final = {"usage_quarter_hourly": "quarter", "usage_total_hourly": "hour", "usage_level_hours": "day"}
_DAILY: Final = {"usage_daily": "day", "usage_total_daily": "day"}


async def dropped_before(connection: asyncpg.Connection) -> dict[str, datetime]:
    """Until when each relation was dropped; in a transaction this holds further drops off until its end."""
    return {row["relation"]: row["dropped_before"] for row in await connection.fetch(statement("read_retention"))}


async def drop_old(connection: asyncpg.Connection, edition: Edition, horizons: Horizons) -> int:
    """Drop what lies before the horizons, a transaction for each piece.

    A piece that somebody uses longer than a second stays until the next time.

    Returns:
        How many partitions, chunks or organisations' rollups were dropped.
    """
    dropped = 0
    try:
        if horizons.collections is not None:
            for partition in await _partitions_before(connection, "usage_collection", horizons.collections):
                if not await _seal(connection, partition):
                    break
                dropped += 1
        if horizons.points is not None:
            dropped += await _drop_points(connection, edition, horizons.points)
    except asyncpg.LockNotAvailableError as error:
        _log.info("dropping waits: %s", error)
    await _delete_books(connection, horizons)
    for horizon, relations in ((horizons.hourly, _HOURLY), (horizons.daily, _DAILY)):
        if horizon is not None:
            for relation, column in relations.items():
                dropped += await _delete_rollups(connection, relation, column, horizon)
    return dropped


async def _partitions_before(
    connection: asyncpg.Connection, relation: str, horizon: datetime
) -> list[tuple[str, datetime]]:
    rows = await connection.fetch(statement("read_partitions"), relation)
    return [(row["name"], row["upper"]) for row in rows if row["upper"] is not None and row["upper"] <= horizon]


async def _seal(connection: asyncpg.Connection, partition: tuple[str, datetime]) -> bool:
    """Keep the totals of a day's ledger and drop its arrays.

    Returns:
        False where it stays: after some days without any receiver the balancer has to catch up first, or whatever was
        announced of that day would be missing.
    """
    name, upper = partition
    upper_ns = int(upper.timestamp()) * 10**9
    async with connection.transaction():
        await connection.execute(_LOCK_WAIT)
        await connection.execute(f"LOCK TABLE {name} IN EXCLUSIVE MODE")
        if not await connection.fetchval(statement("is_compared"), upper_ns - DAY_NS, upper_ns):
            _log.info("the ledger until %s stays until it is compared", upper.date())
            return False
        await connection.execute(statement("seal_collections").replace("usage_collection_partition", name))
        await _drop_partition(connection, "usage_collection", name, upper)
    _log.info("sealed the ledger until %s", upper.date())
    return True


async def _drop_partition(connection: asyncpg.Connection, relation: str, name: str, upper: datetime) -> None:
    await connection.execute(_HOLD_READERS)
    await connection.execute(statement("write_retention"), relation, upper)
    await connection.execute(f"DROP TABLE {name}")


async def _drop_points(connection: asyncpg.Connection, edition: Edition, horizon: datetime) -> int:
    if edition.is_timescaledb:
        if edition is Edition.COMMUNITY:
            await _aggregate(connection, horizon)
        chunks = await connection.fetchval(statement("read_old_chunks"), horizon)
        if chunks:
            async with connection.transaction():
                await connection.execute(_LOCK_WAIT)
                await connection.execute(_HOLD_READERS)
                await connection.execute(statement("write_retention"), "usage_point", horizon)
                await connection.execute(statement("drop_chunks"), horizon)
            _log.info("dropped the points before %s", horizon.date())
        return int(chunks)
    partitions = await _partitions_before(connection, "usage_point", horizon)
    for name, upper in partitions:
        async with connection.transaction():
            await connection.execute(_LOCK_WAIT)
            await _drop_partition(connection, "usage_point", name, upper)
        _log.info("dropped the points before %s", upper.date())
    return len(partitions)


async def _delete_books(connection: asyncpg.Connection, horizons: Horizons) -> None:
    """Who wrote and announced what goes with the hours, and what was missing with the days that lack it."""
    if horizons.hourly is not None:
        await connection.execute(statement("delete_presence"), horizons.hourly)
        await connection.execute(statement("delete_senders"), horizons.hourly)
    if horizons.daily is not None:
        await connection.execute(statement("delete_old_gaps"), horizons.daily)
        await connection.execute(statement("delete_old_copies"), horizons.daily)


async def _aggregate(connection: asyncpg.Connection, horizon: datetime) -> None:
    """Points go only when the continuous aggregates hold them: later no refresh can bring them back."""
    first = await connection.fetchval(statement("read_first_chunk"))
    if first is not None and first < horizon:
        await refresh_aggregates(connection, first.replace(hour=0), horizon)


async def _delete_rollups(connection: asyncpg.Connection, relation: str, column: str, horizon: datetime) -> int:
    """Rows of an organisation at a time; answers refuse them from the first one on."""
    of_relation = {"usage_rollup": relation, "time_column": column}
    orgs = await connection.fetch(_of(statement("read_orgs_with_rollups"), of_relation), horizon)
    if orgs:
        await connection.execute(statement("write_retention"), relation, horizon)
        for row in orgs:
            await connection.execute(_of(statement("delete_rollups"), of_relation), row["org_id"], horizon)
        _log.info("dropped the rows of %s before %s", relation, horizon.date())
    return len(orgs)


def _of(text: str, names: dict[str, str]) -> str:
    for placeholder, name in names.items():
        text = text.replace(placeholder, name)
    return text
