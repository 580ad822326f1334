"""Read tokens in the database; its clock alone says when they expire."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from tallystick_receiver.access import ReadToken
from tallystick_receiver.store.statements import statement

if TYPE_CHECKING:
    from tallystick_receiver.store.database import Database


async def write_token(
    database: Database, secret: bytes, token: ReadToken, *, seconds: int, living_max: int
) -> datetime | None:
    """Keep a token for so many seconds.

    Returns:
        When it expires; None where `living_max` tokens of its key live already.

    Raises:
        Unavailable: the database is out of reach.
    """
    async with database.reading() as connection:
        await connection.execute(statement("delete_expired_tokens"))
        expires: datetime | None = await connection.fetchval(
            statement("write_read_token"), secret, token.key_id, token.org, seconds, living_max
        )
        return expires


async def read_token(database: Database, secret: bytes) -> ReadToken | None:
    """The token of a hash, unless there is none, it has expired or its key was revoked.

    Raises:
        Unavailable: the database is out of reach.
    """
    async with database.reading() as connection:
        row = await connection.fetchrow(statement("read_read_token"), secret)
    return None if row is None else ReadToken(key_id=row["key_id"], org=row["org"])
