"""The continuous aggregates of the community edition, refreshed by policies and, where it matters, by us."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Final

import asyncpg

from tallystick_receiver.store.statements import statement

VIEWS: Final = ("usage_hourly_aggregate", "usage_daily_aggregate")
_ATTEMPTS: Final = 1200
_PAUSE_SECONDS: Final = 0.5


async def refresh_aggregates(connection: asyncpg.Connection, start: datetime, end: datetime) -> None:
    """Bring the continuous aggregates of some whole days up to date; hours first, since days are made of them."""
    for view in VIEWS:
        for attempt in range(_ATTEMPTS):
            try:
                await connection.execute(statement("refresh_aggregate"), view, start, end)
                break
            except asyncpg.LockNotAvailableError:
                # The policy refreshes the same days at this moment.
                if attempt == _ATTEMPTS - 1:
                    raise
                await asyncio.sleep(_PAUSE_SECONDS)
