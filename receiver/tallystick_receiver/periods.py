"""Which period a time lies in: hours, days and months of a time zone, or all time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from tallystick_receiver.ranges import HOUR, floor

BEGIN_OF_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)
END_OF_TIME: Final = datetime(9000, 1, 1, tzinfo=UTC)


class Reset(StrEnum):
    """When usage begins to count from nothing again."""

    NEVER = "never"
    HOURLY = "hourly"
    DAILY = "daily"
    MONTHLY = "monthly"


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """Half-open, in UTC."""

    start: datetime
    end: datetime

    @property
    def resets_at(self) -> datetime | None:
        """When the next one begins; None if never."""
        return None if self.end == END_OF_TIME else self.end


def period_of(time: datetime, reset: Reset, zone: ZoneInfo) -> Period:
    """The period that holds a time; days and months begin at local midnight.

    Args:
        time: an aware time.
        reset: what kind of period.
        zone: of an hour, the zone decides at which minute it begins.
    """
    if reset is Reset.NEVER:
        return Period(BEGIN_OF_TIME, END_OF_TIME)
    local = time.astimezone(zone)
    if reset is Reset.HOURLY:
        offset = local.utcoffset() or timedelta()
        start = floor(time.astimezone(UTC) + offset, HOUR) - offset
        return Period(start, start + HOUR)
    first = datetime(local.year, local.month, local.day if reset is Reset.DAILY else 1, tzinfo=zone)
    following = first + timedelta(days=1) if reset is Reset.DAILY else (first + timedelta(days=32)).replace(day=1)
    return Period(first.astimezone(UTC), following.astimezone(UTC))


def month_of(time: datetime) -> datetime:
    """The first of the month of a time, in UTC."""
    return time.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def next_month(month: datetime) -> datetime:
    """The month after."""
    return month_of(month + timedelta(days=32))
