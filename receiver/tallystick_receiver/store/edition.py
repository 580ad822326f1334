"""Which storage this is: plain PostgreSQL or an edition of TimescaleDB; recorded once, never switched silently.

Source of the rules: https://docs.tigerdata.com/about/latest/timescaledb-editions/ and issue 3.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import asyncpg

from tallystick_receiver.store.statements import statement

_log = logging.getLogger(__name__)
_TIMESCALEDB_MIN: Final = (2, 26, 4)
"""Earlier versions lose rows or count them twice (timescale/timescaledb 7672, 9221, 9655)."""


class Edition(StrEnum):
    """What the points are kept in."""

    POSTGRESQL = "postgresql"
    APACHE = "timescaledb-apache"
    COMMUNITY = "timescaledb-community"

    @property
    def is_timescaledb(self) -> bool:
        """Whether the points are a hypertable."""
        return self is not Edition.POSTGRESQL


class EditionError(Exception):
    """The server is not what this database was made for; the sentence says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """What the server offers, apart from what this database uses of it.

    Attributes:
        postgresql: its version, like 18.6.
        extension: the version of TimescaleDB that this database has, or None.
        offered: the version that it could have, or None.
        community: whether the community edition's module is loaded; None where this database has no TimescaleDB.
    """

    postgresql: str
    extension: str | None
    offered: str | None
    community: bool | None

    @property
    def edition(self) -> Edition:
        """What this database could use now."""
        if self.extension is None:
            return Edition.POSTGRESQL
        return Edition.COMMUNITY if self.community else Edition.APACHE


async def read_server(connection: asyncpg.Connection) -> Server:
    """Look at the server."""
    row = await connection.fetchrow(statement("read_server"))
    loaded = await connection.fetchval("SELECT _timescaledb_functions.tsl_loaded()") if row["extension"] else None
    return Server(
        postgresql=row["postgresql"].split()[0], extension=row["extension"], offered=row["offered"], community=loaded
    )


async def recorded_edition(connection: asyncpg.Connection) -> Edition | None:
    """The edition that this database was made for; None before its migrations."""
    if await connection.fetchval("SELECT to_regclass('storage_edition')") is None:
        return None
    text = await connection.fetchval("SELECT edition FROM storage_edition")
    return None if text is None else Edition(text)


async def record_edition(connection: asyncpg.Connection, edition: Edition) -> None:
    """Say what this database is from now on."""
    await connection.execute(statement("write_edition"), edition.value)


async def extended(connection: asyncpg.Connection) -> Server:
    """The server, with TimescaleDB in this database where the server offers it and lets us.

    Raises:
        EditionError: the offered version is too old.
    """
    server = await read_server(connection)
    if server.extension is None and server.offered is not None:
        refuse_old(server.offered)
        try:
            await connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
        except asyncpg.InsufficientPrivilegeError as error:
            _log.warning("TimescaleDB is offered but may not be used: %s", error)
        server = await read_server(connection)
    return server


def check(recorded: Edition, server: Server) -> None:
    """That the server still is what the database was made for.

    Raises:
        EditionError: it is less: the points could not be read.
    """
    if recorded.is_timescaledb:
        if server.extension is None:
            raise EditionError(f"this database is made for {recorded}, but the extension timescaledb is missing")
        refuse_old(server.extension)
    if recorded is Edition.COMMUNITY and not server.community:
        raise EditionError(
            "this database is made for TimescaleDB's community edition, but the server runs the Apache edition, which "
            "cannot read compressed chunks: set timescaledb.license = 'timescale' and restart the server"
        )


def advice(recorded: Edition, server: Server) -> str | None:
    """What the server could do for this database beyond what is used, as a sentence."""
    if recorded is Edition.POSTGRESQL and server.offered is not None:
        try:
            refuse_old(server.offered)
        except EditionError as error:
            return str(error)
        return "the server offers TimescaleDB: 'tallystick migrate --to timescaledb' converts this database"
    if recorded is Edition.APACHE and server.community:
        return "the server runs the community edition: 'tallystick migrate --to timescaledb' adds what it can do more"
    return None


def refuse_old(version: str) -> None:
    """Raise EditionError for a TimescaleDB that loses rows."""
    numbers = tuple(int(part) for part in version.split("-", maxsplit=1)[0].split(".")[:3])
    if numbers < _TIMESCALEDB_MIN:
        needed = ".".join(map(str, _TIMESCALEDB_MIN))
        raise EditionError(
            f"TimescaleDB {version} is too old: {needed} or later is needed, since earlier versions lose rows"
        )
