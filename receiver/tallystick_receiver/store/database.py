"""Connections: a pool for questions, one connection for commits, one for the roller; errors by what heals them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import asyncpg

from tallystick_receiver.errors import StoreRejected, Unavailable
from tallystick_receiver.store.edition import Edition, Server, advice, read_server, recorded_edition
from tallystick_receiver.store.migrate import migrate
from tallystick_receiver.store.statements import statement

_log = logging.getLogger(__name__)
_VERSION_MIN: Final = 16
_FIRST_CONNECT_SECONDS: Final = 30.0
_CONNECT_SECONDS: Final = 3.0
_DATA_ERRORS: Final = ("22", "23")

READING: Final = {
    "max_parallel_workers_per_gather": "0",
    "plan_cache_mode": "force_custom_plan",
    "enable_sort": "off",
    "work_mem": "16MB",
}
"""Questions are short; with their times known, the planner looks at the partitions of their window only, and it
groups by hashing, whose input need not be counted right beforehand.
"""

PASSING: Final = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.exceptions.QueryCanceledError,
    asyncpg.exceptions.OperatorInterventionError,
    asyncpg.exceptions.InsufficientResourcesError,
    asyncpg.exceptions.TransactionRollbackError,
    asyncpg.exceptions.ObjectNotInPrerequisiteStateError,
    asyncpg.exceptions.InvalidAuthorizationSpecificationError,
    asyncpg.exceptions.InvalidCatalogNameError,
)
"""Errors after which the same thing may work in a moment, on a new connection. asyncpg raises an InternalClientError
when a connection is cut in the middle of a COPY. The last three are a lock that is not to be had and a database that is
closed, moved or renamed for a while.
"""


class DatabaseTooOldError(Exception):
    """PostgreSQL before version 16."""


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    """One connection, without bounds on its statements: for migrations and commands.

    Raises:
        DatabaseTooOldError: before PostgreSQL 16.
        Unavailable: the database is out of reach or refuses us.
    """
    try:
        connection = await asyncpg.connect(url, timeout=_FIRST_CONNECT_SECONDS)
    except (*PASSING, asyncpg.PostgresError, ValueError) as error:
        raise Unavailable(_sentence(error)) from error
    try:
        if connection.get_server_version().major < _VERSION_MIN:
            found = connection.get_server_version().major
            raise DatabaseTooOldError(f"PostgreSQL {_VERSION_MIN} or later is needed; this is {found}")
        yield connection
    finally:
        await connection.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """What this database is made for, and what its server is."""

    edition: Edition
    server: Server


class Database:
    """The database of one receiver.

    Args:
        url: a PostgreSQL connection URI.
        statement_seconds_max: bound of a statement that writes.
        query_seconds_max: bound of a statement that answers a question.
        revive: called when the database is out of reach; the embedded server is started again there.
    """

    def __init__(
        self,
        url: str,
        *,
        statement_seconds_max: float = 3.0,
        query_seconds_max: float = 30.0,
        revive: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._url = url
        self._statement_seconds_max = statement_seconds_max
        self._query_seconds_max = query_seconds_max
        self._revive = revive
        self.storage: Storage | None = None
        self._pool: asyncpg.Pool | None = None
        self._writer: asyncpg.Connection | None = None
        self._reviving: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Migrate, and open the pool.

        Raises:
            MigrationError, EditionError, DatabaseTooOldError: this database cannot be used.
            Unavailable: it is out of reach.
        """
        async with connected(self._url) as connection:
            for migration in await migrate(connection):
                _log.info("applied migration %04d %s", migration.number, migration.name)
            self.storage = await read_storage(connection)
        hint = advice(self.storage.edition, self.storage.server)
        if hint is not None:
            _log.info("%s", hint)
        self._pool = await asyncpg.create_pool(
            self._url, min_size=1, max_size=4, timeout=_CONNECT_SECONDS, command_timeout=self._query_seconds_max + 1,
            server_settings=self._server_settings(self._query_seconds_max) | READING, reset=_leave,
        )  # fmt: skip

    async def close(self) -> None:
        """Close every connection; whatever hangs is cut."""
        if self._reviving is not None:
            self._reviving.cancel()
        if self._writer is not None:
            self._writer.terminate()
        if self._pool is not None:
            try:
                await asyncio.wait_for(self._pool.close(), 2)
            except TimeoutError:
                self._pool.terminate()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[asyncpg.Connection]:
        """A pooled connection.

        Raises:
            Unavailable: the database is out of reach or too slow.
        """
        assert self._pool is not None  # noqa: S101 - open() comes first
        try:
            async with self._pool.acquire(timeout=_CONNECT_SECONDS) as connection:
                yield connection
        except PASSING as error:
            self._wake()
            raise Unavailable(_sentence(error)) from error

    async def writing(self, work: Callable[[asyncpg.Connection], Awaitable[Any]]) -> Any:  # noqa: ANN401
        """Run one transaction on the connection that is kept for commits.

        Raises:
            asyncpg.UniqueViolationError: of the ledger's primary key, or of the records'; the work must be begun again.
            asyncpg.CheckViolationError: a partition is missing; look for it, and begin again.
            StoreRejected: the content is refused by the database.
            Unavailable: the outcome may be unknown; the same work may be done again.
        """
        try:
            if self._writer is None or self._writer.is_closed():
                self._writer = await self.connect(self._statement_seconds_max)
            return await work(self._writer)
        except asyncpg.UniqueViolationError as error:
            if (error.table_name or "").startswith(("usage_collection", "usage_record")):
                raise
            raise StoreRejected(str(error)) from error
        except asyncpg.CheckViolationError as error:
            if error.constraint_name is None:
                raise
            raise StoreRejected(str(error)) from error
        except PASSING as error:
            if self._writer is not None:
                self._writer.terminate()
                self._writer = None
            self._wake()
            raise Unavailable(_sentence(error)) from error
        except asyncpg.PostgresError as error:
            if (error.sqlstate or "")[:2] in _DATA_ERRORS:
                raise StoreRejected(str(error)) from error
            raise Unavailable(_sentence(error)) from error

    async def connect(
        self, statement_seconds_max: float, settings: Mapping[str, str] = MappingProxyType({})
    ) -> asyncpg.Connection:
        """A connection of its own, for one owner.

        Args:
            statement_seconds_max: bound of a statement.
            settings: of the server, for this connection.

        Raises:
            Unavailable: the database is out of reach.
        """
        try:
            return await asyncpg.connect(
                self._url, timeout=_CONNECT_SECONDS, command_timeout=statement_seconds_max + 1,
                server_settings={**self._server_settings(statement_seconds_max), **settings},
            )  # fmt: skip
        except (*PASSING, asyncpg.PostgresError) as error:
            self._wake()
            raise Unavailable(_sentence(error)) from error

    def _server_settings(self, seconds_max: float) -> dict[str, str]:
        return {
            "application_name": "tallystick",
            "statement_timeout": f"{int(seconds_max * 1000)}ms",
            "timezone": "UTC",
            "jit": "off",
            "synchronous_commit": "on",
        }

    def _wake(self) -> None:
        if self._revive is not None and (self._reviving is None or self._reviving.done()):
            self._reviving = asyncio.ensure_future(self._revive())


async def set_locally(connection: asyncpg.Connection, settings: Mapping[str, str]) -> None:
    """Settings of the server until the end of the transaction."""
    await connection.execute(statement("set_locally"), list(settings), list(settings.values()))


async def _leave(_connection: asyncpg.Connection) -> None:
    """Nothing is left behind on a pooled connection, so that a question is spared the round trip of a reset.

    asyncpg itself rolls a transaction back. Whoever needs a setting, a lock or a cursor takes it for a transaction.
    """


async def read_storage(connection: asyncpg.Connection) -> Storage:
    """The recorded edition and the server, of a migrated database."""
    edition = await recorded_edition(connection) or Edition.POSTGRESQL
    return Storage(edition=edition, server=await read_server(connection))


def _sentence(error: BaseException) -> str:
    return f"the database is not available: {str(error) or type(error).__name__}"
