"""The quarantine: what was refused, with its reason, kept as an OTLP request of one point."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tallystick_receiver.identity import id_of, identity_text
from tallystick_receiver.store.statements import statement

if TYPE_CHECKING:
    import asyncpg

    from tallystick_receiver.points import RefusedPoint


def quarantine_id_of(point: RefusedPoint) -> int:
    """The same refused point has the same id however often it is sent."""
    return id_of(identity_text("quarantine", point.credential_org, point.encoding, point.body.hex()))


async def write_quarantine(
    connection: asyncpg.Connection, refused: list[RefusedPoint], now_ns: int, rows_max: int
) -> int:
    """Keep refused points, up to `rows_max` rows in all.

    Returns:
        How many different points the full quarantine could not keep; they are lost but for their count.
    """
    now = datetime.fromtimestamp(now_ns / 1e9, UTC)
    columns = zip(
        *(
            (quarantine_id_of(p), p.reason.value, _storable(p.detail), _storable_or_none(p.org),
             _storable_or_none(p.credential_org), p.encoding, p.body)
            for p in refused
        ),
        strict=True,
    )  # fmt: skip
    written: int = await connection.fetchval(statement("write_quarantine"), now, *columns, rows_max)
    return len({quarantine_id_of(point) for point in refused}) - written


def _storable(text: str) -> str:
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()[:500]


def _storable_or_none(text: str | None) -> str | None:
    return None if text is None else _storable(text)
