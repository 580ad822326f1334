"""Which rollup answers which part of a window: days where they fit, then hours, quarters, and raw points at the edges.

Pure: a window and a time zone in, disjoint ranges out that cover the window exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

Range = tuple[datetime, datetime]

QUARTER: Final = timedelta(minutes=15)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
_SAMPLES_MAX: Final = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranges:
    """Half-open ranges in UTC by where they are read; `deltas` spans all that rollups answer."""

    points: list[Range]
    quarters: list[Range]
    hours: list[Range]
    days: list[Range]
    deltas: Range


def ranges_of(start: datetime, end: datetime, unit: str | None, zone: ZoneInfo, *, hourly: bool = True) -> Ranges:
    """Cover [start, end) from rollups that no bucket boundary cuts.

    Args:
        start: an aware time.
        end: an aware time after it.
        unit: the bucket (hour, day, week, month) in `zone`, or None for one bucket.
        zone: buckets begin at its local times; :30 and :45 offsets need quarters.
        hourly: whether hours may be used (they are not kept by dimension).
    """
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    step = _coarsest(start, end, unit, zone)
    points, (lower, upper) = _peel((start, end), QUARTER)
    quarters: list[Range] = []
    hours: list[Range] = []
    days: list[Range] = []
    middle = (lower, upper)
    if hourly:
        if step >= HOUR:
            quarters, middle = _peel(middle, HOUR)
            if step >= DAY:
                hours, middle = _peel(middle, DAY)
                days = _nonempty([middle])
            else:
                hours = _nonempty([middle])
        else:
            quarters = _nonempty([middle])
    elif step >= DAY:
        quarters, middle = _peel(middle, DAY)
        days = _nonempty([middle])
    else:
        quarters = _nonempty([middle])
    return Ranges(points=points, quarters=quarters, hours=hours, days=days, deltas=(lower, upper))


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeDays:
    """Days in UTC that a window contains whole.

    Attributes:
        days: the range of them; empty where buckets are finer than a day.
        cuts: before which hour a bucket begins, of days within which one does.
    """

    days: Range
    cuts: dict[datetime, int]

    def within(self, lower: datetime, upper: datetime) -> Range:
        """Those of them that lie between two midnights."""
        first, last = max(self.days[0], lower), min(self.days[1], upper)
        return first, max(first, last)


def whole_days(start: datetime, end: datetime, unit: str | None) -> Range:
    """The days in UTC that lie in [start, end) whole and that buckets are not finer than; empty where there is none."""
    lower, upper = ceiling(start.astimezone(UTC), DAY), floor(end.astimezone(UTC), DAY)
    return (lower, lower) if unit == "hour" else (lower, max(lower, upper))


def outside(ranges: list[Range], middle: Range) -> list[Range]:
    """What lies before or after a middle."""
    lower, upper = middle
    return _nonempty([part for a, b in ranges for part in ((a, min(b, lower)), (max(a, upper), b))])


def _peel(window: Range, step: timedelta) -> tuple[list[Range], Range]:
    """The ragged edges of a window, and its middle whose ends are multiples of `step`."""
    start, end = window
    lower, upper = ceiling(start, step), floor(end, step)
    if lower >= upper:
        return _nonempty([window]), (end, end)
    return _nonempty([(start, lower), (upper, end)]), (lower, upper)


def _nonempty(ranges: list[Range]) -> list[Range]:
    return [(lower, upper) for lower, upper in ranges if lower < upper]


def floor(time: datetime, step: timedelta) -> datetime:
    """The last multiple of a step since 1970 that is not after the time."""
    return time - (time - datetime(1970, 1, 1, tzinfo=UTC)) % step


def ceiling(time: datetime, step: timedelta) -> datetime:
    """The first multiple of a step since 1970 that is not before the time."""
    below = floor(time, step)
    return below if below == time else below + step


def _coarsest(start: datetime, end: datetime, unit: str | None, zone: ZoneInfo) -> timedelta:
    """The longest rollup whose borders fall on every bucket's border."""
    if unit is None:
        return DAY
    offsets = {time.astimezone(zone).utcoffset() or timedelta() for time in _samples(start, end)}
    if any(offset % HOUR for offset in offsets):
        return QUARTER
    if unit != "hour" and offsets == {timedelta()}:
        return DAY
    return HOUR


def _samples(start: datetime, end: datetime) -> list[datetime]:
    days = int((end - start) / DAY) + 1
    step = DAY * max(1, -(-days // _SAMPLES_MAX))
    return [start + step * n for n in range(int((end - start) / step) + 1)] + [end]
