"""Hours of a week in UTC, for prices that depend on the time of day: `Mon-Fri 01-04, Mon-Fri 06-10`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Final

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS_OF_DAY: Final = 24
_HOURS_OF_WEEK: Final = 7 * _HOURS_OF_DAY
_PART: Final = re.compile(r"(?:([a-z]{3})(?:-([a-z]{3}))?\s+)?(\d{2})(?::00)?-(\d{2})(?::00)?")
_SENTENCE: Final = (
    'a window must be like "Mon-Fri 01-04, Sat 06-10" or "not Mon-Fri 01-04": days and full hours of UTC'
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class WeekHours:
    """Hours of a week; 0 begins on Monday at midnight."""

    hours: frozenset[int]

    def __contains__(self, hour: int) -> bool:
        return hour in self.hours

    @property
    def is_whole(self) -> bool:
        """Whether it is all of them."""
        return len(self.hours) == _HOURS_OF_WEEK

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """Half-open, ascending, as few as possible."""
        found: list[tuple[int, int]] = []
        for hour in sorted(self.hours):
            if found and found[-1][1] == hour:
                found[-1] = (found[-1][0], hour + 1)
            else:
                found.append((hour, hour + 1))
        return found

    def __str__(self) -> str:
        """As it can be parsed again."""
        days = [
            frozenset(hour % _HOURS_OF_DAY for hour in self.hours if hour // _HOURS_OF_DAY == day)
            for day in range(len(_DAYS))
        ]
        parts = []
        for hours, alike in groupby(range(len(_DAYS)), key=lambda day: days[day]):
            numbers = list(alike)
            for start, end in WeekHours(hours).ranges:
                parts.append(f"{_span(numbers)}{start:02}-{end:02}")
        return ", ".join(parts)


def _span(days: list[int]) -> str:
    if len(days) == len(_DAYS):
        return ""
    first, last = _DAYS[days[0]].title(), _DAYS[days[-1]].title()
    return f"{first} " if first == last else f"{first}-{last} "


ALWAYS: Final = WeekHours(frozenset(range(_HOURS_OF_WEEK)))


def week_hours(ranges: list[tuple[int, int]]) -> WeekHours:
    """The hours of half-open ranges."""
    return WeekHours(frozenset(hour for start, end in ranges for hour in range(start, end)))


def hour_of_week(time: datetime) -> int:
    """Which hour of the UTC week a time lies in."""
    utc = time.astimezone(UTC)
    return utc.weekday() * _HOURS_OF_DAY + utc.hour


def parsed_window(text: str) -> WeekHours:
    """The hours that a text names.

    Raises:
        ValueError: it names none.
    """
    words = text.strip().lower()
    is_rest = words.startswith("not ")
    hours: set[int] = set()
    for part in words.removeprefix("not ").split(","):
        found = _PART.fullmatch(part.strip())
        if found is None:
            raise ValueError(_SENTENCE)
        first_day, last_day, first, last = found.groups()
        start, end = int(first), int(last)
        if not 0 <= start < end <= _HOURS_OF_DAY or any(d and d not in _DAYS for d in (first_day, last_day)):
            raise ValueError(_SENTENCE)
        first_index = _DAYS.index(first_day) if first_day else 0
        last_index = _DAYS.index(last_day or first_day) if first_day else len(_DAYS) - 1
        if last_index < first_index:
            raise ValueError(_SENTENCE)
        hours |= {d * _HOURS_OF_DAY + h for d in range(first_index, last_index + 1) for h in range(start, end)}
    whole = set(range(_HOURS_OF_WEEK))
    chosen = whole - hours if is_rest else hours
    if not chosen:
        raise ValueError(_SENTENCE)
    return WeekHours(frozenset(chosen))
