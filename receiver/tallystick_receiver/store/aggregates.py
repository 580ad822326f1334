"""The continuous aggregates of the community edition, refreshed by policies and, where it matters, by us."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Final

import asyncpg

from tallystick_receiver.store.statements import statement

BUCKETS: Final = {"usage_hourly_aggregate": timedelta(hours=1), "usage_daily_aggregate": timedelta(days=1)}
"""Hours first, since days are made of them."""
_ATTEMPTS: Final = 1200
_PAUSE_SECONDS: Final = 0.5


async def refresh_aggregates(
    connection: asyncpg.Connection, start: datetime, end: datetime, *, only_closed: bool = False, force: bool = False
) -> None:
    """Bring the continuous aggregates of some whole days up to date.

    Args:
        connection: not in a transaction.
        start: a midnight in UTC.
        end: a midnight in UTC after it.
        only_closed: leave out the hour and the day that are not over: once refreshed, their aggregate would no longer
            be read from the points, and lag behind them until a policy's turn.
        force: also what nobody changed since the last time, as far as TimescaleDB knows.
    """
    for view, bucket in BUCKETS.items():
        until = end
        if only_closed:
            until = min(end, await connection.fetchval(statement("read_bucket"), bucket))
        if start >= until:
            continue
        for attempt in range(_ATTEMPTS):
            try:
                await connection.execute(statement("refresh_aggregate"), view, start, until, force)
                break
            except asyncpg.LockNotAvailableError:
                # The policy refreshes the same days at this moment.
                if attempt == _ATTEMPTS - 1:
                    raise
                await asyncio.sleep(_PAUSE_SECONDS)
