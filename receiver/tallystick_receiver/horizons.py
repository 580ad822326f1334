"""Until when each layer of usage is kept: pure arithmetic on UTC days.

Nothing is dropped that late data may still reach, whatever the settings say (issue 3).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """How long each layer is kept, in days; 0 keeps it for ever.

    Attributes:
        late_seconds: age up to which late points are accepted.
        points_days: the points themselves.
        hourly_days: rollups of quarters of an hour and of hours; at least as long as the points.
        daily_days: rollups of days; at least as long as the hours.
        cost_days: rows of cost; at least as long as the hours that they are priced from.
    """

    late_seconds: int
    points_days: int
    hourly_days: int
    daily_days: int
    cost_days: int = 0

    @property
    def reach(self) -> timedelta:
        """How far back late data may come, with a day to spare for another receiver's clock and queue."""
        return timedelta(seconds=self.late_seconds) + _DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Horizons:
    """Midnights in UTC: what is older goes. None: nothing goes."""

    collections: datetime | None
    points: datetime | None
    hourly: datetime | None
    daily: datetime | None
    costs: datetime | None = None


def horizons_of(kept: Kept, now: datetime) -> Horizons:
    """The horizons at a moment."""
    points, hourly, daily = accumulate((kept.points_days, kept.hourly_days, kept.daily_days), _longer)
    return Horizons(
        collections=_midnight(now, kept.reach), points=_horizon(kept, points, now),
        hourly=_horizon(kept, hourly, now), daily=_horizon(kept, daily, now),
        costs=_horizon(kept, _longer(hourly, kept.cost_days), now),
    )  # fmt: skip


def _longer(days: int, others: int) -> int:
    return max(days, others) if days and others else 0


def _horizon(kept: Kept, days: int, now: datetime) -> datetime | None:
    return _midnight(now, max(timedelta(days=days), kept.reach)) if days else None


def _midnight(now: datetime, age: timedelta) -> datetime | None:
    since_epoch = now - _EPOCH - age
    return None if since_epoch < _DAY else _EPOCH + since_epoch // _DAY * _DAY
