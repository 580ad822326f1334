"""The roller: merges deltas into rollups."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING, Final

from tallystick_receiver.ranges import QUARTER
from tallystick_receiver.store.duty import Duty
from tallystick_receiver.store.statements import statement

if TYPE_CHECKING:
    import asyncpg

    from tallystick_receiver.store.database import Database
    from tallystick_receiver.telemetry import Telemetry

_LOCK: Final = 0x7A11_0002
_STATEMENT_SECONDS: Final = 120.0


def roller(database: Database, telemetry: Telemetry, *, seconds: float, rows_max: int) -> Duty:
    """The duty of merging, every `seconds`, `rows_max` delta rows at a time."""

    async def drain(connection: asyncpg.Connection) -> None:
        while await roll(connection, telemetry, rows_max) >= rows_max:
            pass

    return Duty(
        database, name="rolling", lock=_LOCK, seconds=seconds, statement_seconds_max=_STATEMENT_SECONDS, work=drain
    )


async def roll(connection: asyncpg.Connection, telemetry: Telemetry, rows_max: int) -> int:
    """One merge, in one transaction.

    Returns:
        The delta rows that were merged; `rows_max` means that there may be more.
    """
    async with connection.transaction():
        done = await connection.fetchrow(statement("roll_deltas"), rows_max)
        await _integrate(connection, done)
    telemetry.add("deltas.rolled", int(done["deltas"]))
    return int(done["rows"])


async def _integrate(connection: asyncpg.Connection, done: asyncpg.Record) -> None:
    """Integrals of quarters whose samples did not come in order, from the points, a quarter at a time."""
    late: dict[datetime, list[tuple[int, int]]] = defaultdict(list)
    columns = [done[name] or () for name in ("quarters", "org_ids", "dims_ids")]
    for quarter, org_id, dims_id in zip(*columns, strict=True):
        late[quarter].append((org_id, dims_id))
    for quarter, rows in sorted(late.items()):
        org_ids, dims_ids = zip(*rows, strict=True)
        await connection.execute(statement("integrate_quarter"), quarter, quarter + QUARTER, org_ids, dims_ids)
