"""Migrations: numbered SQL files, forward only, each applied once and never changed afterwards.

A file for some editions says so in its name: 0006_partition_points.timescaledb.sql.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tallystick_receiver.store.edition import (
    Edition,
    check,
    extended,
    read_server,
    record_edition,
    recorded_edition,
)

if TYPE_CHECKING:
    import asyncpg

LOCK: Final = 0x7A11_0001
"""Advisory lock: two receivers that start together migrate one after the other."""
_NO_TRANSACTION: Final = "-- migrate: no transaction"
_FIRST_WITH_EDITION: Final = 5
_FILE_NAME: Final = re.compile(r"(\d{4})_([a-z0-9_]+?)(?:\.(postgresql|timescaledb|community))?\.sql")
_FOR: Final = {
    None: frozenset(Edition),
    "postgresql": frozenset({Edition.POSTGRESQL}),
    "timescaledb": frozenset({Edition.APACHE, Edition.COMMUNITY}),
    "community": frozenset({Edition.COMMUNITY}),
}


class MigrationError(Exception):
    """The database's schema and the shipped files do not belong together; the sentence says how."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One file: what it is called, its four digits, its name, its text, and the editions that need it."""

    file: str
    number: int
    name: str
    sql: str
    editions: frozenset[Edition]

    @property
    def checksum(self) -> str:
        """SHA-256 of the text."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations(edition: Edition | None = None) -> list[Migration]:
    """The shipped files in order, of one edition or all: beside the package in a wheel, at the root of a checkout."""
    here = Path(__file__).parents[1] / "migrations"
    folder = here if here.is_dir() else Path(__file__).parents[3] / "migrations"
    found = []
    for path in sorted(folder.glob("*.sql")):
        match = _FILE_NAME.fullmatch(path.name)
        if match is None:
            raise MigrationError(f"{path.name} is not named like 0001_verb_object.sql")
        text = path.read_text(encoding="utf-8")
        found.append(Migration(file=path.name, number=int(match[1]), name=match[2], sql=text, editions=_FOR[match[3]]))
    return [migration for migration in found if edition is None or edition in migration.editions]


async def migrate(connection: asyncpg.Connection, first: Edition | None = None) -> list[Migration]:
    """Apply what is missing, one transaction a file, under an advisory lock.

    Args:
        connection: of a role that may create tables.
        first: the edition of a database that is still empty; None for the best that the server offers. Whatever it
            is, a database that has one keeps it: `convert` is another thing.

    Returns:
        The migrations that were applied now.

    Raises:
        MigrationError: an applied file was changed, or the database is newer than this program.
        EditionError: the server is not what this database was made for.
    """
    await connection.execute("SELECT pg_advisory_lock($1)", LOCK)
    try:
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migration (number integer CONSTRAINT schema_migration_pk PRIMARY KEY,"
            " name text NOT NULL, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        edition = await recorded_edition(connection)
        if edition is None:
            edition = first or await _best(connection)
        check(edition, await read_server(connection))
        missing = await pending(connection, edition)
        for migration in missing:
            await apply(connection, migration, edition)
        return missing
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1)", LOCK)


async def _best(connection: asyncpg.Connection) -> Edition:
    """A database that holds usage already is plain PostgreSQL: converting it is the operator's decision."""
    if await connection.fetchval("SELECT to_regclass('usage_point')") is not None:
        return Edition.POSTGRESQL
    return (await extended(connection)).edition


async def pending(connection: asyncpg.Connection, edition: Edition) -> list[Migration]:
    """The migrations that this database still lacks.

    Raises:
        MigrationError: as for `migrate`.
    """
    shipped = migrations(edition)
    if await connection.fetchval("SELECT to_regclass('schema_migration')") is None:
        return shipped
    applied = {
        row["number"]: row for row in await connection.fetch("SELECT number, name, checksum FROM schema_migration")
    }
    known = {migration.number for migration in shipped}
    newer = sorted(set(applied) - known)
    if newer:
        raise MigrationError(f"the database has migration {newer[-1]:04}, which this version does not know: upgrade")
    for migration in shipped:
        row = applied.get(migration.number)
        if row is not None and row["checksum"] != migration.checksum:
            raise MigrationError(f"migration {migration.number:04} was changed after it was applied: restore the file")
    return [migration for migration in shipped if migration.number not in applied]


async def apply(connection: asyncpg.Connection, migration: Migration, edition: Edition) -> None:
    """Run one file and note it; the file that makes the table of the edition has the edition written there."""
    if migration.sql.startswith(_NO_TRANSACTION):
        for text in migration.sql.split(";\n"):
            if text.strip():
                await connection.execute(text)
        await note(connection, migration)
        return
    async with connection.transaction():
        await connection.execute(migration.sql)
        if migration.number == _FIRST_WITH_EDITION:
            await record_edition(connection, edition)
        await note(connection, migration)


async def note(connection: asyncpg.Connection, migration: Migration) -> None:
    """Write down that a migration was applied, in the place of one of the same number for another edition."""
    await connection.execute(
        "INSERT INTO schema_migration (number, name, checksum) VALUES ($1, $2, $3)"
        " ON CONFLICT (number) DO UPDATE SET checksum = excluded.checksum, applied_at = now()",
        migration.number, migration.name, migration.checksum,
    )  # fmt: skip
