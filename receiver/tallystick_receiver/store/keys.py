"""Keys in the database."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from tallystick_receiver.access import Key, new_key
from tallystick_receiver.store.statements import statement

if TYPE_CHECKING:
    from collections.abc import Iterable

    import asyncpg

    from tallystick_receiver.store.database import Database


async def read_keys(database: Database) -> list[Key]:
    """All keys, revoked ones too.

    Raises:
        Unavailable: the database is out of reach.
    """
    async with database.reading() as connection:
        return await keys_of(connection)


async def keys_of(connection: asyncpg.Connection) -> list[Key]:
    """All keys, revoked ones too."""
    rows = await connection.fetch(statement("read_keys"))
    return [Key(**{**row, "scopes": frozenset(row["scopes"])}) for row in map(dict, rows)]


async def create_key(
    connection: asyncpg.Connection,
    *,
    name: str,
    scopes: Iterable[str],
    org: str | None,
    now: datetime,
) -> tuple[str, str]:
    """Define a key.

    Returns:
        Its id, and its text, which is not stored and cannot be shown again.
    """
    key_id, text, secret = new_key()
    await connection.execute(statement("write_key"), key_id, secret, name, sorted(set(scopes)), org, now)
    return key_id, text


async def revoke_key(connection: asyncpg.Connection, key_id: str, now: datetime) -> bool:
    """Make a key invalid for good; False when there is no such key."""
    return await connection.fetchval(statement("revoke_key"), key_id, now) is not None
