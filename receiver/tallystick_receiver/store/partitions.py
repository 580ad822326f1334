"""Partitions of a day: made before the points that need them, never again once their day was dropped."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from tallystick_receiver.store.statements import statement

if TYPE_CHECKING:
    import asyncpg

    from tallystick_receiver.points import Batch

DAY_NS: Final = 86_400 * 10**9
PARTITIONED: Final = ("usage_collection", "usage_point")
_EPOCH: Final = date(1970, 1, 1)
_DAYS_KNOWN_MAX: Final = 20_000


def days_of(batch: Batch) -> set[int]:
    """The UTC days, counted from 1970, whose partitions a batch needs: of each end, and of the nanosecond before it."""
    end_ns = batch.points.end_ns
    if len(batch.cumulative):
        end_ns = np.concatenate([end_ns, batch.cumulative.end_ns])
    if batch.records is not None:
        end_ns = np.concatenate([end_ns, batch.records.points.end_ns])
    if not len(end_ns):
        return set()
    first, last = (int(end_ns.min()) - 1) // DAY_NS, int(end_ns.max()) // DAY_NS
    if last - first <= 1:
        return {first, last}
    return {*np.unique((end_ns - 1) // DAY_NS).tolist(), *np.unique(end_ns // DAY_NS).tolist()}


def date_of(day: int) -> date:
    """The date of a day counted from 1970."""
    return _EPOCH + timedelta(days=day)


class Partitions:
    """Remembers which days have their partitions, so that a commit asks for new days only."""

    def __init__(self) -> None:
        self._known: set[int] = set()

    def forget(self) -> None:
        """Look again: a partition that was there is gone."""
        self._known.clear()

    async def ensure(self, connection: asyncpg.Connection, days: set[int]) -> set[int]:
        """Make what is missing.

        Returns:
            The days that were dropped for good: nothing of them can be stored any more.
        """
        dropped = set()
        for day in sorted(days - self._known):
            made = [
                await connection.fetchval(statement("add_partition"), relation, date_of(day))
                for relation in PARTITIONED
            ]
            if not all(made):
                dropped.add(day)
            elif len(self._known) < _DAYS_KNOWN_MAX:
                self._known.add(day)
        return dropped
