"""The roller: merges deltas into rollups; one leader among all receivers of a database."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

import asyncpg

from tallystick_receiver.errors import Unavailable
from tallystick_receiver.store.statements import statement

if TYPE_CHECKING:
    from tallystick_receiver.store.database import Database
    from tallystick_receiver.telemetry import Telemetry

_log = logging.getLogger(__name__)
_LEADER_LOCK: Final = 0x7A11_0002
_STATEMENT_SECONDS: Final = 120.0
_FOLLOWER_SECONDS: Final = 5.0


class Roller:
    """Rolls up every `seconds`; a follower asks now and then whether the leader is gone."""

    def __init__(self, database: Database, telemetry: Telemetry, *, seconds: float, rows_max: int) -> None:
        self._database = database
        self._telemetry = telemetry
        self._seconds = seconds
        self._rows_max = rows_max
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name="roller")

    async def stop(self) -> None:
        """End; a merge under way is rolled back by the database and harms nobody."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=2)

    async def _run(self) -> None:
        while True:
            try:
                connection = await self._database.connect(_STATEMENT_SECONDS)
                try:
                    await self._lead(connection)
                finally:
                    connection.terminate()
            except Unavailable as error:
                _log.warning("rolling pauses: %s", error)
            except Exception:  # noqa: BLE001 - the outermost loop of a background task
                _log.exception("rolling failed in an unforeseen way")
            await asyncio.sleep(self._seconds)

    async def _lead(self, connection: asyncpg.Connection) -> None:
        while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LEADER_LOCK):  # noqa: ASYNC110
            await asyncio.sleep(_FOLLOWER_SECONDS)
        while True:
            await asyncio.sleep(self._seconds)
            while await roll(connection, self._telemetry, self._rows_max) >= self._rows_max:
                pass


async def roll(connection: asyncpg.Connection, telemetry: Telemetry, rows_max: int) -> int:
    """One merge.

    Returns:
        The delta rows that were merged; `rows_max` means that there may be more.
    """
    done = await connection.fetchrow(statement("roll_deltas"), rows_max)
    telemetry.add("deltas.rolled", int(done["deltas"]))
    return int(done["rows"])
