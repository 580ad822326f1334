"""Work that one receiver does for all of a database, again and again; an advisory lock says which one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

import asyncpg

from tallystick_receiver.errors import Unavailable
from tallystick_receiver.store.database import PASSING

if TYPE_CHECKING:
    from tallystick_receiver.store.database import Database

_log = logging.getLogger(__name__)
_FOLLOWER_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 0.5


class Duty:
    """Does its work every `seconds`; a follower asks now and then whether the leader is gone.

    Args:
        database: where the work is done, on a connection of its own.
        name: for the log.
        lock: number of the advisory lock that makes its holder the leader.
        seconds: pause between two rounds.
        statement_seconds_max: bound of one statement.
        work: one round; an error ends the round, not the duty.
        at_once: whether the first round comes before the first pause.
        is_urgent: asked twice a second of a pause, which ends where it says so; None: every pause is whole.
    """

    def __init__(
        self, database: Database, *, name: str, lock: int, seconds: float, statement_seconds_max: float,
        work: Callable[[asyncpg.Connection], Awaitable[None]], at_once: bool = False,
        is_urgent: Callable[[asyncpg.Connection], Awaitable[bool]] | None = None,
    ) -> None:  # fmt: skip
        self._database = database
        self._name = name
        self._lock = lock
        self._seconds = seconds
        self._statement_seconds_max = statement_seconds_max
        self._work = work
        self._at_once = at_once
        self._is_urgent = is_urgent
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name=self._name)

    async def stop(self) -> None:
        """End; a round under way is rolled back by the database and harms nobody."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=2)

    async def _run(self) -> None:
        while True:
            try:
                connection = await self._database.connect(self._statement_seconds_max)
                try:
                    await self._lead(connection)
                finally:
                    connection.terminate()
            except (Unavailable, *PASSING) as error:
                _log.warning("%s pauses: %s", self._name, error)
            except Exception:  # noqa: BLE001 - the outermost loop of a background task
                _log.exception("%s failed in an unforeseen way", self._name)
            await asyncio.sleep(self._seconds)

    async def _lead(self, connection: asyncpg.Connection) -> None:
        while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", self._lock):  # noqa: ASYNC110
            await asyncio.sleep(_FOLLOWER_SECONDS)
        if self._at_once:
            await self._work(connection)
        while True:
            await self._pause(connection)
            await self._work(connection)

    async def _pause(self, connection: asyncpg.Connection) -> None:
        rest = self._seconds
        if self._is_urgent is not None:
            while rest > _LOOK_SECONDS:
                await asyncio.sleep(_LOOK_SECONDS)
                rest -= _LOOK_SECONDS
                if await self._is_urgent(connection):
                    return
        await asyncio.sleep(rest)
