"""Changes as they are told from receiver to receiver: usage after its commit, everything else with it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from tallystick_receiver.changes import Change, Topic, change_in, change_of
from tallystick_receiver.errors import Unavailable
from tallystick_receiver.store.database import PASSING
from tallystick_receiver.store.statements import statement

if TYPE_CHECKING:
    import asyncpg

    from tallystick_receiver.store.database import Database

_log = logging.getLogger(__name__)
_CHANNEL: Final = "tallystick_change"
_STATEMENT_SECONDS: Final = 5.0
_BETWEEN_SECONDS: Final = 0.5
_AGAIN_SECONDS: Final = 1.0
_ALIVE_SECONDS: Final = 15.0


async def tell(connection: asyncpg.Connection, change: Change) -> None:
    """Tell every receiver, when the transaction is committed."""
    await connection.execute(statement("tell_change"), change.text)


class Herald:
    """Tells of commits of usage right after them, twice a second at most.

    Within the transaction it would cost each commit a round trip, and PostgreSQL lets transactions that tell something
    commit one after the other. What a receiver that is killed does not tell is found by whoever looks again by himself.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._orgs: set[int] = set()
        self._task: asyncio.Task[None] | None = None

    def usage_of(self, orgs: Iterable[int]) -> None:
        """Usage of these organisations (ids) was committed."""
        self._orgs.update(orgs)
        if self._orgs and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._run(), name="telling of commits")

    def stop(self) -> None:
        """Tell nothing more."""
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        while self._orgs:
            orgs, self._orgs = self._orgs, set()
            try:
                async with self._database.reading() as connection:
                    await tell(connection, change_in(Topic.USAGE, orgs))
            except Unavailable as error:
                _log.info("a commit is not told: %s", error)
            await asyncio.sleep(_BETWEEN_SECONDS)


class Ear:
    """Hears what changed of some topics, of one organisation (its id) or of all of them (None)."""

    def __init__(self, topics: Iterable[Topic], org: int | None) -> None:
        self._topics = frozenset(topics)
        self._org = org
        self._heard: set[Topic] = set()
        self._news = asyncio.Event()

    def hear(self, change: Change) -> None:
        """Remember it until somebody asks."""
        if change.topic in self._topics and change.concerns(self._org):
            self._heard.add(change.topic)
            self._news.set()

    async def news(self, seconds: float) -> set[Topic]:
        """What changed since the last call; waits for it, and returns nothing if it does not come within so long."""
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return set()
        heard, self._heard = self._heard, set()
        self._news.clear()
        return heard


class Changes:
    """Hears what any receiver tells, on one connection, while somebody wants to know.

    Where something may have been missed (somebody begins to hear, the connection is lost) everything is told: whoever
    looks when he is told has seen all that was committed before.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ears: set[Ear] = set()
        self._is_hearing = False
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def ear(self, topics: Iterable[Topic], org: int | None) -> Iterator[Ear]:
        """Hear, from now on."""
        ear = Ear(topics, org)
        self._ears.add(ear)
        if self._is_hearing:
            _tell_all([ear])
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._listen(), name="hearing of changes")
        try:
            yield ear
        finally:
            self._ears.discard(ear)

    def stop(self) -> None:
        """Hear nothing more."""
        if self._task is not None:
            self._task.cancel()

    async def _listen(self) -> None:
        while self._ears:
            try:
                connection = await self._database.connect(_STATEMENT_SECONDS)
                try:
                    await self._hear(connection)
                finally:
                    connection.terminate()
            except (Unavailable, *PASSING) as error:
                _log.info("changes are not heard: %s", error)
            if self._is_hearing:
                self._is_hearing = False
                _tell_all(self._ears)
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _hear(self, connection: asyncpg.Connection) -> None:
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        await connection.add_listener(_CHANNEL, self._told)
        self._is_hearing = True
        _tell_all(self._ears)
        while self._ears and not lost.is_set():
            try:
                async with asyncio.timeout(_ALIVE_SECONDS):
                    await lost.wait()
            except TimeoutError:
                await connection.fetchval("SELECT 1")

    def _told(self, _connection: object, _pid: int, _channel: str, payload: Any) -> None:  # noqa: ANN401 - asyncpg's
        change = change_of(payload)
        if change is not None:
            for ear in self._ears:
                ear.hear(change)


def _tell_all(ears: Iterable[Ear]) -> None:
    for ear in ears:
        for topic in Topic:
            ear.hear(Change(topic, None))
