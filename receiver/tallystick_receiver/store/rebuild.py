"""Rollups recomputed from the points, in one transaction: whoever asks sees the old ones or the new ones.

What they cost is due, and totals of months are again what their hours add up to. The continuous aggregates of the
community edition, which no answer is read from, follow a day at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from tallystick_receiver.errors import InvalidQuestion
from tallystick_receiver.identity import org_id_of
from tallystick_receiver.periods import month_of, next_month
from tallystick_receiver.store.aggregates import refresh_aggregates
from tallystick_receiver.store.edition import Edition, recorded_edition
from tallystick_receiver.store.retention import dropped_before
from tallystick_receiver.store.statements import statement

if TYPE_CHECKING:
    from datetime import date

    import asyncpg

DAY: Final = timedelta(days=1)


async def rebuild_rollups(
    connection: asyncpg.Connection,
    *,
    start: datetime,
    end: datetime,
    org: str | None = None,
    progress: Callable[[date], None] = lambda _: None,
) -> int:
    """Recompute quarters, days and totals, and whatever continuous aggregates there are.

    The waiting deltas of these days are in the points, so they go; those of points that arrive meanwhile stay. The
    roller, and whoever prices, wait until the end.

    Args:
        connection: an own one.
        start: a midnight in UTC.
        end: a midnight in UTC after it.
        org: the only organisation whose rollups are recomputed, or None.
        progress: called after each day of rollups.

    Returns:
        The quarters that were written.

    Raises:
        InvalidQuestion: the points of some of these days were dropped; nothing is changed.
    """
    org_id = None if org is None else org_id_of(org)
    days = [start + DAY * n for n in range((end - start) // DAY)]
    written = 0
    async with connection.transaction(isolation="repeatable_read"):
        await connection.execute(statement("lock_rollups"))
        await connection.execute(statement("lock_costs"))
        kept_from = (await dropped_before(connection))["usage_point"]
        if start < kept_from:
            raise InvalidQuestion(f"the points before {kept_from.date()} were dropped: rebuild from then on")
        for day in days:
            window = (day, day + DAY, org_id)
            await connection.execute(statement("clear_rollups"), *window)
            done = await connection.execute(statement("rebuild_quarters"), *window)
            await connection.execute(statement("rebuild_days"), *window)
            await connection.execute(statement("roll_rebuilt"), *window)
            await connection.execute(statement("mend_costs"), *window)
            written += int(done.split()[-1])
            progress(day.date())
        if days:
            months = (month_of(start), next_month(days[-1]), org_id)
            await connection.execute(statement("clear_cost_months"), *months)
            await connection.execute(statement("total_costs"), *months)
            await connection.execute(statement("total_user_costs"), *months)
    if await recorded_edition(connection) is Edition.COMMUNITY:
        for day in days:
            # A refresh of what was dropped meanwhile would empty the aggregate.
            if day >= (await dropped_before(connection))["usage_point"]:
                await refresh_aggregates(connection, day, day + DAY, only_closed=True, force=True)
    return written
