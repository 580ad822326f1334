"""What is known of cumulative streams is bounded: what no point can need any more goes, silent streams go whole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from tallystick_receiver.store.cumulative import lock_writers
from tallystick_receiver.store.statements import statement

if TYPE_CHECKING:
    import asyncpg

_AT_A_TIME: Final = 10_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SIGN_OF_LIFE: Final = timedelta(days=2)
"""A stream that rests is written once a day."""


async def forget_settled(connection: asyncpg.Connection, reachable_from: datetime) -> None:
    """Drop what was known before that time, but for the newest of each stream: later points count from there.

    Args:
        connection: an own one.
        reachable_from: until then the ledger's days are dropped, so that no receiver accepts points before it.
    """
    horizon = _nanoseconds(reachable_from)
    while True:
        done = await connection.execute(statement("delete_settled_cumulative"), horizon, _AT_A_TIME)
        if int(done.split()[-1]) < _AT_A_TIME:
            return


async def forget_silent(connection: asyncpg.Connection, silent_since: datetime) -> None:
    """Drop streams that were last heard before that time.

    Nobody could tell one that speaks again from one that was never counted, so whatever of the same writer started as
    early counts from its first known value from now on.
    """
    horizon = _nanoseconds(silent_since - _SIGN_OF_LIFE)
    while True:
        rows = await connection.fetch(statement("read_silent_cumulative"), horizon, _AT_A_TIME)
        if not rows:
            return
        columns = [[row[name] for row in rows] for name in ("writer_id", "series_id", "start_ns")]
        async with connection.transaction():
            await lock_writers(connection, columns[0])
            await connection.execute(statement("delete_silent_cumulative"), *columns, horizon)


def _nanoseconds(time: datetime) -> int:
    return max(0, (time - _EPOCH) // timedelta(microseconds=1) * 1000)
