"""What a period will come to: usage to date, what its remaining days are expected to bring, and how wrong that was.

Quantities are forecast, never money: a price that changes is no trend. Each part (a metric, a model's token kind) is
forecast by itself and then weighted with the price of each future day; without prices the weight is 1.

The method (research/llm.md 3.8): the weekday mean of the last four weeks, moved by half of the drift that a straight
line through the last eight weekly totals shows. The band is what a back-test of the same method, at up to 22 earlier
days and over the same number of days, was wrong by: least to most. It is no confidence interval.

Pure and exact: fractions throughout; `rounded` is the only place where anything is rounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Context, Decimal
from enum import StrEnum
from fractions import Fraction
from itertools import accumulate
from typing import Final

from tallystick_receiver.daily_pattern import (
    RUN_RATE_BELOW,
    WEEKDAYS_FROM,
    Exact,
    expected,
    known_days,
    line_through,
    since_first,
    weeks_of,
)

BACK_TESTS_MAX: Final = 22
BACK_TESTS_MIN: Final = 7
"""Each weekday once; the extremes of fewer say nothing."""
R2_MIN: Final = Fraction(3, 10)
"""Below this a straight line explains too little to be called a trend."""
HISTORY_DAYS: Final = 120
"""Complete days that are looked at: eight weeks, 22 back-tests and the longest month, with room."""
PLACES: Final = 6
_WIDE: Final = Context(prec=2000)


class Method(StrEnum):
    """How far the history carried."""

    NONE = "none"
    """There is no complete day yet."""
    RUN_RATE = "run_rate"
    """The mean of fewer than 14 days."""
    MEAN = "mean"
    """The mean of up to four weeks, without weekdays and drift."""
    WEEKDAYS = "weekdays"
    """Weekday means of four weeks, with damped drift."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One thing that is forecast by itself.

    Attributes:
        days: quantities of complete days, oldest first, yesterday's last; None where nobody knows.
        to_date: what the period has already, today included: a quantity, or money where there are prices.
        prices: of one unit, for each day of `days` and then of the horizon; None: quantities are asked for.
    """

    days: Sequence[Decimal | None]
    to_date: Decimal
    prices: Sequence[Decimal | Fraction] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Horizon:
    """What is ahead.

    Attributes:
        days: from today on to the end of the period, today included; at least 1.
        left: the share of today that is still to come, 0 to 1.
    """

    days: int
    left: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """A straight line through the weekly totals, at the last known price.

    Attributes:
        weekly: its slope as a share of the mean week; 0.05 means 5 % more each week.
        r2: the share of the variation that it explains.
    """

    weekly: Fraction
    r2: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a group of parts comes to.

    Attributes:
        remaining: what is still expected; None with Method.NONE.
        band: remaining at the least and at the most, by `errors`; None where there are too few of them.
        errors: (actual - forecast) / forecast of each back-test, the latest first.
        days: known days since its first usage.
        trend: None where a line explains less than R2_MIN.
    """

    to_date: Fraction
    remaining: Fraction | None
    band: tuple[Fraction, Fraction] | None
    errors: tuple[Fraction, ...]
    method: Method
    days: int
    trend: Trend | None

    @property
    def total(self) -> Fraction | None:
        """The whole period."""
        return None if self.remaining is None else self.to_date + self.remaining

    @property
    def error(self) -> Fraction | None:
        """The mean of the back-tests' absolute errors; None without any."""
        return sum(map(abs, self.errors), Fraction()) / len(self.errors) if self.errors else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """A part's forecast, ready to be added up with others'.

    Attributes:
        values: days at the last known price: what a trend is seen in.
    """

    to_date: Fraction
    remaining: Fraction | None
    values: tuple[Fraction | None, ...]
    _days: Sequence[int | None]
    _prices: Sequence[Fraction]
    _tested: dict[int, tuple[Fraction, Fraction]] = field(default_factory=dict)

    @property
    def horizon(self) -> int:
        """How many days are ahead, today included."""
        return len(self._prices) - len(self._days)

    def back_test(self, origin: int) -> tuple[Fraction, Fraction]:
        """What a forecast from before a day would have said of as many days as are ahead now, and what they were.

        Both are weighted with the prices of those days, which are all known.
        """
        if origin not in self._tested:
            end = origin + self.horizon
            ahead = expected(self._days[:origin], self.horizon) or [Fraction()] * self.horizon
            actual = [quantity or 0 for quantity in self._days[origin:end]]
            weights = self._prices[origin:end]
            self._tested[origin] = _valued(ahead, weights), _valued(actual, weights)
        return self._tested[origin]


def outlook_of(part: Part, horizon: Horizon) -> Outlook:
    """Forecast a part.

    Raises:
        ValueError: there is not a price for each day.
    """
    length = len(part.days) + horizon.days
    prices = [Fraction(1)] * length if part.prices is None else [Fraction(p) for p in part.prices]
    if len(prices) != length:
        raise ValueError(f"{length} days need as many prices, not {len(prices)}")
    days, scale = _whole(part.days)
    prices = [price * scale for price in prices]
    ahead = expected(days, horizon.days)
    remaining = None
    if ahead is not None:
        ahead[0] *= horizon.left
        remaining = _valued(ahead, prices[len(days) :])
    return Outlook(
        to_date=Fraction(part.to_date),
        remaining=remaining,
        values=tuple(None if quantity is None else quantity * prices[-1 - horizon.days] for quantity in days),
        _days=days,
        _prices=prices,
    )


def forecast_of(outlooks: Iterable[Outlook]) -> Forecast:
    """Parts of one currency or unit, of the same days, together.

    A part without any history adds nothing; what is forecast and what is tested is always the sum of the parts.
    """
    parts = list(outlooks)
    values = _summed([part.values for part in parts])
    history = since_first(values)
    known = known_days(history)
    remaining = [part.remaining for part in parts if part.remaining is not None]
    method = _method(known) if remaining else Method.NONE
    total = sum(remaining, Fraction()) if remaining else None
    errors = _errors(parts, values)
    return Forecast(
        to_date=sum((part.to_date for part in parts), Fraction()),
        remaining=total,
        band=_band(total, errors),
        errors=errors,
        method=method,
        days=known,
        trend=_trend(history) if method is Method.WEEKDAYS else None,
    )


def rounded(number: Fraction, places: int = PLACES) -> Decimal:
    """A decimal of that many places, half to even."""
    return Decimal(round(number * 10**places)).scaleb(-places, _WIDE)


def _whole(days: Sequence[Decimal | None]) -> tuple[list[int | None], Fraction]:
    """The same days as integers, which add up many times faster, and the unit that they count."""
    exponents = [int(quantity.as_tuple().exponent) for quantity in days if quantity is not None]
    least = min([0, *exponents])
    scaled = [None if quantity is None else int(Fraction(quantity) * 10**-least) for quantity in days]
    return scaled, Fraction(1, 10**-least)


def _method(known: int) -> Method:
    if known < RUN_RATE_BELOW:
        return Method.RUN_RATE if known else Method.NONE
    return Method.MEAN if known < WEEKDAYS_FROM else Method.WEEKDAYS


def _valued(quantities: Sequence[Exact], prices: Sequence[Fraction]) -> Fraction:
    """What these days cost; days of one price are added up before they are multiplied."""
    total = Fraction()
    run: Exact = 0
    for index, (quantity, price) in enumerate(zip(quantities, prices, strict=True)):
        run += quantity
        if index + 1 == len(prices) or prices[index + 1] != price:
            total += run * price
            run = 0
    return total


def _trend(days: Sequence[Exact | None]) -> Trend | None:
    line = line_through(weeks_of(days))
    if line is None or line.r2 is None or line.r2 < R2_MIN:
        return None
    return Trend(weekly=line.slope / line.mean, r2=line.r2)


def _summed(series: Sequence[Sequence[Fraction | None]]) -> list[Fraction | None]:
    """Day by day; a day that is unknown of one part is unknown."""
    if len(series) == 1:
        return list(series[0])
    return [
        None if any(value is None for value in day) else sum((value for value in day if value is not None), Fraction())
        for day in zip(*series, strict=True)
    ]


def _errors(parts: Sequence[Outlook], values: Sequence[Fraction | None]) -> tuple[Fraction, ...]:
    """Relative errors of the sum of all parts; empty where one of them has no scale."""
    errors = []
    for origin in _origins(values, parts[0].horizon) if parts else ():
        tests = [part.back_test(origin) for part in parts]
        predicted = sum((one for one, _ in tests), Fraction())
        actual = sum((one for _, one in tests), Fraction())
        if actual and not predicted:
            return ()
        errors.append(actual / predicted - 1 if predicted else Fraction())
    return tuple(errors)


def _origins(values: Sequence[Fraction | None], horizon: int) -> list[int]:
    """Days to test from, the latest first, spread over the history.

    After each there are as many known days as are ahead, before each four weeks of known days, or two where that leaves
    too few. Neighbours share most of their days and err alike, so the wider they are apart, the more they say.
    """
    first = len(values) - len(since_first(values))
    # How many days before each one are known.
    known = list(accumulate((value is not None for value in values), initial=0))
    possible = [
        (origin, known[origin] - known[first]) for origin in range(len(values) - horizon, first, -1)
        if known[origin + horizon] - known[origin] == horizon
    ]  # fmt: skip
    found = [origin for origin, known in possible if known >= WEEKDAYS_FROM]
    if len(found) < BACK_TESTS_MIN:
        found = [origin for origin, known in possible if known >= RUN_RATE_BELOW]
    return found[:: max(1, len(found) // BACK_TESTS_MAX)][:BACK_TESTS_MAX]


def _band(remaining: Fraction | None, errors: Sequence[Fraction]) -> tuple[Fraction, Fraction] | None:
    if remaining is None or len(errors) < BACK_TESTS_MIN:
        return None
    return remaining * (1 + min(errors)), remaining * (1 + max(errors))
