"""Copies of deltas that a fork made, found in the ledger: they are counted, and they are told of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tallystick_receiver.store.statements import statement

if TYPE_CHECKING:
    import asyncpg


async def find_copies(connection: asyncpg.Connection, start: datetime, end: datetime) -> None:
    """Look at the collections that ended after `start`, up to `end`, as far as the ledger holds them."""
    lower, upper = (
        (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000 for time in (start, end)
    )
    async with connection.transaction():
        await connection.execute(statement("delete_copies"), lower, upper)
        await connection.execute(statement("find_copies"), lower, upper)
