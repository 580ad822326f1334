"""Months of cost: open while rates may still change them, then closed, with adjustments only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tallystick_receiver.periods import next_month
from tallystick_receiver.rates import Span
from tallystick_receiver.store.rates import lock_rates, rerate
from tallystick_receiver.store.statements import statement

if TYPE_CHECKING:
    from collections.abc import Iterable

    import asyncpg


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """A month of UTC that has costs.

    Attributes:
        begun_at: when it first had costs.
        asked_at: when somebody asked to close it.
        closed_at: since when its rows are frozen; None while it is open.
        known_at: rates as they were known then count for it.
    """

    month: datetime
    begun_at: datetime
    asked_at: datetime | None
    closed_at: datetime | None
    known_at: datetime | None


async def read_months(connection: asyncpg.Connection) -> dict[datetime, Month]:
    """Months that have costs."""
    return {row["month"]: Month(**dict(row)) for row in await connection.fetch(statement("read_months"))}


async def begin_months(connection: asyncpg.Connection, months: Iterable[datetime], now: datetime) -> None:
    """These months have costs from now on."""
    await connection.execute(statement("begin_months"), list(months), now)


async def close_months(connection: asyncpg.Connection, now: datetime, open_for: timedelta) -> list[datetime]:
    """Close the months that somebody asked to close, and those that have been over, and had costs, for long enough.

    Args:
        connection: in a transaction; months of which anything is still due stay open.
        now: when.
        open_for: how long a month stays open.
    """
    months = (await read_months(connection)).values()
    ripe = [
        m.month for m in months if m.closed_at is None
        and (m.asked_at is not None or now >= max(next_month(m.month), m.begun_at) + open_for)
    ]  # fmt: skip
    if not ripe:
        return []
    # Under the lock nobody changes a rate: what is due now was due before, and waits for the next round.
    known_at = await lock_rates(connection)
    rows = await connection.fetch(statement("close_months"), ripe, now, known_at)
    return [row["month"] for row in rows]


async def ask_to_close(connection: asyncpg.Connection, month: datetime, now: datetime) -> None:
    """Have a month closed as soon as nothing of it is due."""
    await connection.execute(statement("ask_to_close"), month, now)


async def adjust_month(connection: asyncpg.Connection, month: datetime) -> None:
    """Have a closed month priced again by what is known now; what differs becomes rows of adjustment."""
    known_at = await lock_rates(connection)
    await connection.execute(statement("renew_month"), month, known_at)
    await rerate(connection, None, None, Span(month, next_month(month)), of_closed=True)
