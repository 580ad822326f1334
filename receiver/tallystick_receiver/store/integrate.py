"""Integrals of levels over whole days that are over, so that questions need not add up their quarters.

What is computed is current as long as the day counts the samples that it was computed of; a late one makes it void,
and the next round computes it again. Nobody's answer depends on whether or when that happens.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from tallystick_receiver.store.statements import statement

if TYPE_CHECKING:
    import asyncpg

_EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAYS_MAX: Final = 10_000
"""Organisations' days in a round."""
_SETS_MAX: Final = 1000
"""Sets of dimensions in a transaction, unless one organisation alone has more: the roller waits for it."""


class Integrator:
    """What one leader still has to look at: everything once, then the days that late samples may reach.

    Args:
        reach: how far back late data may come.
    """

    def __init__(self, reach: timedelta) -> None:
        self._reach = reach
        self._has_seen_all = False

    async def integrate(self, connection: asyncpg.Connection, today: datetime) -> None:
        """One round; parameters as of `integrate_days`."""
        start = today - self._reach if self._has_seen_all else _EVER
        self._has_seen_all = await integrate_days(connection, start, today) < _DAYS_MAX or self._has_seen_all


async def integrate_days(connection: asyncpg.Connection, start: datetime, today: datetime) -> int:
    """The days of a window that are to be integrated: the newest first, a bounded number of them.

    Args:
        connection: outside a transaction.
        start: days that begin before it are not looked at.
        today: a midnight in UTC; what lies before it is over.

    Returns:
        The organisations' days that were integrated.
    """
    rows = await connection.fetch(statement("read_open_days"), start, today, _DAYS_MAX)
    for batch in _batches(rows):
        async with connection.transaction():
            await connection.execute(statement("lock_rollups"))
            await connection.execute(
                statement("integrate_days"), [row["org_id"] for row in batch], [row["day"] for row in batch]
            )
    return len(rows)


async def integrate_again(connection: asyncpg.Connection, day: datetime, org_id: int | None) -> None:
    """The integrals of a day that was rebuilt.

    Args:
        connection: in a transaction that locks the rollups.
        day: a midnight in UTC.
        org_id: the only organisation, or None.
    """
    orgs = [row["org_id"] for row in await connection.fetch(statement("read_org_ids"))] if org_id is None else [org_id]
    await connection.execute(statement("integrate_days"), orgs, [day] * len(orgs))


def _batches(rows: list[asyncpg.Record]) -> Iterator[list[asyncpg.Record]]:
    batch: list[asyncpg.Record] = []
    sets = 0
    for row in rows:
        if batch and sets + row["sets"] > _SETS_MAX:
            yield batch
            batch, sets = [], 0
        batch.append(row)
        sets += row["sets"]
    if batch:
        yield batch
