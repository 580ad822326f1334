"""Which period a time lies in: hours, days and months of a time zone, or all time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from tallystick_receiver.ranges import DAY, HOUR, floor

BEGIN_OF_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)
END_OF_TIME: Final = datetime(9000, 1, 1, tzinfo=UTC)
_TICK: Final = timedelta(microseconds=1)


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
    """The period that holds a time; those of a kind follow one another without gap or overlap, whatever clocks do.

    Days and months begin when local clocks first show them, and do not begin again where clocks are put back across
    midnight.

    Args:
        time: an aware time.
        reset: what kind of period.
        zone: of an hour, the zone decides at which minute it begins.
    """
    if reset is Reset.NEVER:
        return Period(BEGIN_OF_TIME, END_OF_TIME)
    time = time.astimezone(UTC)
    if reset is Reset.HOURLY:
        return _hour_of(time, zone)
    local = time.astimezone(zone).date()
    day = local if reset is Reset.DAILY else local.replace(day=1)
    while (start := _begin(day, zone)) > time:
        day = _before(day, reset)
    while (end := _begin(_after(day, reset), zone)) <= time:
        day, start = _after(day, reset), end
    return Period(start, end)


def month_of(time: datetime) -> datetime:
    """The first of the month of a time, in UTC."""
    return time.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def next_month(month: datetime) -> datetime:
    """The month after."""
    return month_of(month + timedelta(days=32))


def _hour_of(time: datetime, zone: ZoneInfo) -> Period:
    """An hour of local clocks; cut where they change by something else than hours, as on Lord Howe Island."""
    offset = _offset(time, zone)
    start = floor(time + offset, HOUR) - offset
    end = start + HOUR
    if (_offset(start, zone) - offset) % HOUR:
        start = _first(start, time, lambda at: not (_offset(at, zone) - offset) % HOUR)
    if (_offset(end, zone) - offset) % HOUR:
        end = _first(time, end, lambda at: bool((_offset(at, zone) - offset) % HOUR))
    return Period(start, end)


def _begin(day: date, zone: ZoneInfo) -> datetime:
    """When local clocks first show a day: at midnight, or where they jump over it, right after the jump."""
    midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - what clocks show
    early, late = (midnight.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if early <= late:
        return early
    return _first(late, early, lambda at: at.astimezone(zone).replace(tzinfo=None) >= midnight)


def _first(before: datetime, after: datetime, is_there: Callable[[datetime], bool]) -> datetime:
    """The first time at which something is so that is not at `before`, and from some time on until `after`."""
    while after - before > _TICK:
        middle = before + (after - before) // 2
        before, after = (before, middle) if is_there(middle) else (middle, after)
    return after


def _offset(time: datetime, zone: ZoneInfo) -> timedelta:
    return time.astimezone(zone).utcoffset() or timedelta()


def _after(day: date, reset: Reset) -> date:
    return day + DAY if reset is Reset.DAILY else (day + 32 * DAY).replace(day=1)


def _before(day: date, reset: Reset) -> date:
    return day - DAY if reset is Reset.DAILY else (day - DAY).replace(day=1)
