"""Periods in which usage is summed up: an hour, a day or a month of local time.

Pure: a time and a zone in, the half-open period that holds it out.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

PERIODS: Final = ("hourly", "daily", "monthly")
_HOUR: Final = timedelta(hours=1)


def period_of(kind: str, time: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The period that a time lies in, in UTC; a local day has 23 to 25 hours.

    Args:
        kind: one of PERIODS.
        time: an aware time.
        zone: whose hours, days and months.
    """
    local = time.astimezone(zone)
    if kind == "hourly":
        # Back by what is past of the hour, so that the hour that comes twice in autumn is two.
        past = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        start = time.astimezone(UTC) - past
        return start, start + _HOUR
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    first = midnight if kind == "daily" else midnight.replace(day=1)
    days = 1 if kind == "daily" else 32
    following = first + timedelta(days=days)
    if kind == "monthly":
        following = following.replace(day=1)
    return first.astimezone(UTC), following.astimezone(UTC)
