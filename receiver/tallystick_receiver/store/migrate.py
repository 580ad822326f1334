"""Migrations: numbered SQL files, forward only, each applied once and never changed afterwards."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncpg

_LOCK: Final = 0x7A11_0001
"""Advisory lock: two receivers that start together migrate one after the other."""
_NO_TRANSACTION: Final = "-- migrate: no transaction"


class MigrationError(Exception):
    """The database's schema and the shipped files do not belong together; the sentence says how."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One file: its four digits, its name, its text."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations() -> list[Migration]:
    """The shipped files in order: beside the package in a wheel, at the root of a checkout."""
    here = Path(__file__).parents[1] / "migrations"
    folder = here if here.is_dir() else Path(__file__).parents[3] / "migrations"
    found = []
    for path in sorted(folder.glob("*.sql")):
        match = re.fullmatch(r"(\d{4})_([a-z0-9_]+)\.sql", path.name)
        if match is None:
            raise MigrationError(f"{path.name} is not named like 0001_verb_object.sql")
        found.append(Migration(number=int(match[1]), name=match[2], sql=path.read_text(encoding="utf-8")))
    return found


async def migrate(connection: asyncpg.Connection) -> list[Migration]:
    """Apply what is missing, one transaction a file, under an advisory lock.

    Returns:
        The migrations that were applied now.

    Raises:
        MigrationError: an applied file was changed, or the database is newer than this program.
    """
    await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
    try:
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migration (number integer CONSTRAINT schema_migration_pk PRIMARY KEY,"
            " name text NOT NULL, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        missing = await pending(connection)
        for migration in missing:
            await _apply(connection, migration)
        return missing
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK)


async def pending(connection: asyncpg.Connection) -> list[Migration]:
    """The migrations that this database still lacks.

    Raises:
        MigrationError: as for `migrate`.
    """
    shipped = migrations()
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


async def _apply(connection: asyncpg.Connection, migration: Migration) -> None:
    record = "INSERT INTO schema_migration (number, name, checksum) VALUES ($1, $2, $3)"
    values = (migration.number, migration.name, migration.checksum)
    if migration.sql.startswith(_NO_TRANSACTION):
        for statement in migration.sql.split(";\n"):
            if statement.strip():
                await connection.execute(statement)
        await connection.execute(record, *values)
        return
    async with connection.transaction():
        await connection.execute(migration.sql)
        await connection.execute(record, *values)
