"""What a forecast is asked for: the period, today in it, and the days before that it may rest on."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from tallystick.quantity import text_of
from tallystick_receiver.costs import WIDE
from tallystick_receiver.daily_pattern import RUN_RATE_BELOW, WEEKDAYS_FROM
from tallystick_receiver.errors import InvalidQuestion
from tallystick_receiver.forecast import (
    BACK_TESTS_MIN,
    HISTORY_DAYS,
    Forecast,
    Horizon,
    Method,
    rounded,
)
from tallystick_receiver.query.params import Words
from tallystick_receiver.question import TIME_UNITS, Question

if TYPE_CHECKING:
    from tallystick_receiver.store.completeness import Completeness

GROUPS_MAX: Final = 1000
"""A forecast with its back-tests takes some milliseconds for each part of a group."""
AHEAD_DAYS_MAX: Final = 366
WORDS: Final = Words(end="until", also=("unknownDays",))
_DAY: Final = timedelta(days=1)
_PERCENT: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The period and its surroundings, in the days of a time zone.

    Attributes:
        start: first day of the period.
        end: first day after it.
        today: the day that is not over.
        first: first day of the history.
        horizon: today and the days after it.
        zone: whose days.
    """

    start: date
    end: date
    today: date
    first: date
    horizon: Horizon
    zone: ZoneInfo

    @property
    def history(self) -> tuple[date, ...]:
        """Complete days, oldest first."""
        return tuple(self.first + _DAY * n for n in range((self.today - self.first).days))

    def midnight(self, day: date) -> datetime:
        """When a day begins, in UTC."""
        return datetime(day.year, day.month, day.day, tzinfo=self.zone).astimezone(UTC)

    def question(self, asked: Question) -> Question:
        """What must be read: every day of the history and of the period, up to today."""
        return replace(
            asked, start=self.midnight(min(self.first, self.start)), end=self.midnight(self.today + _DAY),
            group_by=(*asked.group_by, "day"),
        )  # fmt: skip


def window_of(asked: Question, now: datetime) -> Window:
    """The window of a question whose end lies ahead.

    Raises:
        InvalidQuestion: it is over, not begun, too long, or does not begin and end at midnight; or it is by time.
    """
    local = now.astimezone(asked.zone)
    start, end = (time.astimezone(asked.zone) for time in (asked.start, asked.end))
    for name, time in (("from", start), ("until", end)):
        if (time.hour, time.minute, time.second, time.microsecond) != (0, 0, 0, 0):
            raise InvalidQuestion(f"{name} must be a day: forecasts are made of whole days in tz")
    today = local.date()
    if end.date() <= today:
        raise InvalidQuestion("until must lie ahead")
    if start.date() > today:
        raise InvalidQuestion("from must not lie ahead: a forecast adds what is expected to what there is")
    if (end.date() - today).days > AHEAD_DAYS_MAX:
        raise InvalidQuestion(f"until is more than {AHEAD_DAYS_MAX} days ahead")
    by_time = next((group for group in asked.group_by if group in TIME_UNITS), None)
    if by_time is not None:
        raise InvalidQuestion(f"a forecast is of the whole period and cannot be grouped by {by_time}")
    midnights = [datetime(day.year, day.month, day.day, tzinfo=asked.zone).astimezone(UTC)
                 for day in (today, today + _DAY)]  # fmt: skip
    microsecond = timedelta(microseconds=1)
    left = Fraction((midnights[1] - now) // microsecond, (midnights[1] - midnights[0]) // microsecond)
    return Window(
        start=start.date(), end=end.date(), today=today, first=today - _DAY * HISTORY_DAYS,
        horizon=Horizon(days=(end.date() - today).days, left=left), zone=asked.zone,
    )  # fmt: skip


def unknown_days(window: Window, found: Completeness, used: Collection[date], metrics: Collection[str]) -> set[date]:
    """Days of the history of which the figure is known to be short, or of which nobody knows whether it is zero.

    Args:
        window: the history.
        found: completeness of it.
        used: days on which anything was used at all.
        metrics: whose gaps count.
    """
    gaps = [(gap.start, gap.end) for gap in found.gaps if gap.metric in metrics]
    doubts = [(silence.start, silence.end) for silence in (*found.silent, *found.unannounced)]
    unknown = set()
    for day in window.history:
        start, end = window.midnight(day), window.midnight(day + _DAY)
        if _touches(gaps, start, end):
            unknown.add(day)
        elif day not in used:
            is_accounted = found.senders and found.until is not None and found.until >= end
            if not is_accounted or _touches(doubts, start, end):
                unknown.add(day)
    return unknown


def forecast_json(forecast: Forecast) -> dict[str, Any]:
    """A forecast's figures as they are shown; amounts are rounded to 6 decimals."""
    remaining, band, error, trend = forecast.remaining, forecast.band, forecast.error, forecast.trend
    to_date = rounded(forecast.to_date)
    ahead = None if remaining is None else rounded(remaining)
    return {
        "toDate": text_of(to_date),
        "remaining": None if ahead is None else text_of(ahead),
        "total": None if ahead is None else text_of(WIDE.add(to_date, ahead)),
        "low": None if band is None else text_of(WIDE.add(to_date, rounded(band[0]))),
        "high": None if band is None else text_of(WIDE.add(to_date, rounded(band[1]))),
        "method": forecast.method.value,
        "days": forecast.days,
        "backTests": len(forecast.errors),
        "errorPercent": None if error is None else _percent(error),
        "trend": None if trend is None else {
            "direction": "up" if trend.weekly > 0 else "down", "weeklyPercent": _percent(trend.weekly),
            "r2": text_of(rounded(trend.r2, 2)),
        },
        "note": note_of(forecast),
    }  # fmt: skip


def totals_of(rows: list[dict[str, Any]], whole: Forecast) -> dict[str, Any]:
    """The figures of all rows: amounts are the sums of the rows' rounded ones, the rest is the whole's own."""
    shown = forecast_json(whole)
    before = Decimal(shown["toDate"])
    for name in ("toDate", "remaining", "total"):
        if shown[name] is not None:
            shown[name] = text_of(_sum(Decimal(row[name]) for row in rows if row[name] is not None))
    for name in ("low", "high"):
        if shown[name] is not None:
            rest = WIDE.subtract(Decimal(shown[name]), before)
            shown[name] = text_of(WIDE.add(Decimal(shown["toDate"]), rest))
    return shown


def note_of(forecast: Forecast) -> str:
    """How far the figures can be trusted, in a sentence."""
    if forecast.method is Method.NONE:
        return "no complete day yet: nothing is forecast"
    if forecast.method is Method.RUN_RATE:
        return f"fewer than {RUN_RATE_BELOW} complete days: their mean, and no band"
    if forecast.method is Method.MEAN:
        base = f"fewer than {WEEKDAYS_FROM} complete days: no weekday is told from another"
    else:
        base = "weekday means of four weeks with damped drift"
    if forecast.band is None:
        return f"{base}; no band, since fewer than {BACK_TESTS_MIN} back-tests of so many days are possible"
    tests = len(forecast.errors)
    return f"{base}; low and high are the extremes of {tests} back-tests (about 80 %), not a confidence interval"


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    total = Decimal(0)
    for amount in amounts:
        total = WIDE.add(total, amount)
    return total


def _touches(spans: list[tuple[datetime, datetime]], start: datetime, end: datetime) -> bool:
    return any((lower < end and upper > start) or start <= lower == upper < end for lower, upper in spans)


def _percent(share: Fraction) -> str:
    return text_of(rounded(share * _PERCENT, 2))
