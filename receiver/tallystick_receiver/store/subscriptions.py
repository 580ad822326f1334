"""Subscriptions in the database, and what the lane of commits must know of them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import numpy as np

from tallystick_receiver.identity import org_id_of
from tallystick_receiver.points import NO_POINTS, Points
from tallystick_receiver.store.statements import statement
from tallystick_receiver.subscriptions import Span, Subscription, Told

if TYPE_CHECKING:
    import asyncpg


_REMEMBERED_SECONDS: Final = 1.0


async def read_subscriptions(
    connection: asyncpg.Connection, *, org: str | None = None, number: str | None = None
) -> list[Subscription]:
    """Subscriptions that concern an organisation, or all."""
    rows = await connection.fetch(statement("read_subscriptions"), org, number)
    return [
        Subscription(
            type=Told(row["type"]), org=row["org"], metric=row["metric"],
            span=None if row["period"] is None else Span(row["period"]), created_at=row["created_at"],
        )
        for row in rows
    ]  # fmt: skip


async def write_subscription(connection: asyncpg.Connection, wanted: Subscription) -> bool:
    """Keep a subscription.

    Returns:
        Whether it is new.
    """
    row = await connection.fetchrow(
        statement("write_subscription"), wanted.id, wanted.type.value, wanted.org,
        None if wanted.org is None else org_id_of(wanted.org), wanted.metric, wanted.span and wanted.span.value,
        wanted.created_at,
    )  # fmt: skip
    return row is not None


async def delete_subscription(connection: asyncpg.Connection, number: str) -> None:
    """Forget a subscription; what nobody was told yet is not told any more."""
    await connection.execute(statement("delete_subscription"), number)


class Listeners:
    """Whose commits are told, as the lane of commits remembers it for a second: most often nobody's, at no cost."""

    def __init__(self) -> None:
        self._read_at: float | None = None
        self._org_ids: np.ndarray | None = np.zeros(0, dtype=np.int64)

    async def refresh(self, connection: asyncpg.Connection) -> None:
        """Look again, if the last look is too old."""
        now = time.monotonic()
        if self._read_at is not None and now - self._read_at < _REMEMBERED_SECONDS:
            return
        found = [row["org_id"] for row in await connection.fetch(statement("read_recorded_orgs"))]
        self._org_ids = None if None in found else np.array(found, dtype=np.int64)
        self._read_at = now

    def heard(self, points: Points) -> Points:
        """The points that somebody wants to be told of."""
        if self._org_ids is None:
            return points
        return points.take(np.isin(points.org_id, self._org_ids)) if len(self._org_ids) else NO_POINTS
