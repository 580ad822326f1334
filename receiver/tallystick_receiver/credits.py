"""Credits: accounts, what is booked on them, and when refills are due.

A balance is the sum of the entries less what usage costs since the account was opened, in credits. It may be negative:
debt that is hidden is lost. Nothing is refused here; a product decides what a balance means.

Pure: rows and times in, times out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

NUMBER_MAX: Final = 10**6
"""Refills of one schedule: an hour's goes on for a century."""
_MONTHS: Final = 12


class EntryKind(StrEnum):
    """What changes a balance besides usage."""

    GRANT = "grant"
    """Given or bought; above 0."""
    REFILL = "refill"
    """Booked by a schedule; above 0."""
    ADJUST = "adjust"
    """A correction or a withdrawal; either sign."""


class Every(StrEnum):
    """The step of a schedule, in local time but for hours."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Whose credits.

    Attributes:
        org: whose usage.
        subject_type: `org`, `project`, `user` or a dimension's key.
        subject: which one of it.
        currency: of the cost that is spent.
        credits_per_unit: how many credits one unit of the currency is.
        opened_at: a full hour; cost from then on is spent.
    """

    org: str
    subject_type: str
    subject: str
    currency: str
    credits_per_unit: Decimal
    opened_at: datetime
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is booked; the key makes it once."""

    kind: EntryKind
    amount: Decimal
    key: str
    at: datetime
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refill:
    """A schedule.

    Attributes:
        count: steps between two refills.
        zone: whose days, weeks and months.
        starts_at: the first refill.
        ends_at: no refill at or after this; None: for ever.
    """

    id: str
    amount: Decimal
    count: int
    every: Every
    zone: str
    starts_at: datetime
    ends_at: datetime | None
    note: str

    def at(self, number: int) -> datetime | None:
        """When refill `number` is due, from 0 on; None where there is none.

        Each is counted from the first one, so a 31st comes back after a shorter month. A local time that a change of
        clocks leaves out is due an hour later, one that comes twice at its first time.
        """
        if number >= NUMBER_MAX:
            return None
        steps = number * self.count
        if self.every is Every.HOUR:
            time = self.starts_at + timedelta(hours=steps)
        else:
            local = self.starts_at.astimezone(ZoneInfo(self.zone))
            moved = _months_on(local, steps) if self.every is Every.MONTH else local + self._days(steps)
            time = moved.astimezone(UTC)
        return None if self.ends_at is not None and time >= self.ends_at else time

    def due(self, number: int, now: datetime) -> Iterator[tuple[int, datetime]]:
        """Numbers and times of all refills from `number` on that are due by now."""
        while (time := self.at(number)) is not None and time <= now:
            yield number, time
            number += 1

    def entry(self, number: int, time: datetime) -> Entry:
        """What is booked for a refill, under a key that is always the same."""
        return Entry(
            kind=EntryKind.REFILL, amount=self.amount, key=refill_key(self.id, number), at=time, note=self.note
        )

    def _days(self, steps: int) -> timedelta:
        return timedelta(weeks=steps) if self.every is Every.WEEK else timedelta(days=steps)


def refill_key(refill_id: str, number: int) -> str:
    """The idempotency key of a refill."""
    return f"refill:{refill_id}:{number}"


def hour_of(time: datetime) -> datetime:
    """The full hour, in UTC, that a time lies in."""
    return time.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _months_on(local: datetime, months: int) -> datetime:
    """The same day of a later month, or that month's last day."""
    years, month = divmod(local.month - 1 + months, _MONTHS)
    first = local.replace(year=local.year + years, month=month + 1, day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    last = (following - timedelta(days=1)).day
    return first.replace(day=min(local.day, last))
