"""Rows of cost by day -> what is forecast by itself: usage of one key, and what a unit of it costs each day.

Pure. A key is what a price is looked up by, so the price of a future day is as certain as the rates are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from tallystick_receiver.costs import WIDE, CostRow
from tallystick_receiver.forecast import Outlook, Part, outlook_of
from tallystick_receiver.pricing import Key, RateBook, Segment, State
from tallystick_receiver.ranges import HOUR, floor
from tallystick_receiver.schemes import scheme_of

if TYPE_CHECKING:
    from tallystick_receiver.query.forecast_window import Window

_DAY: Final = timedelta(days=1)
_ZERO: Final = Decimal(0)
Group = tuple[str | None, ...]
Prices = list[Fraction | None]


@dataclass(slots=True, kw_only=True)
class CostPart:
    """Usage of one key in one group.

    Attributes:
        days: quantities.
        to_date: cost of the period so far, by currency.
        without_price: quantity of the period so far that has no price.
    """

    group: Group
    org: str
    key: Key
    days: dict[date, Decimal] = field(default_factory=dict)
    to_date: dict[str, Decimal] = field(default_factory=dict)
    without_price: Decimal = _ZERO

    def add(self, row: CostRow, day: date, window: Window) -> None:
        """One more row."""
        self.days[day] = WIDE.add(self.days.get(day, _ZERO), row.quantity)
        if not window.start <= day <= window.today:
            return
        if row.cost is None or row.currency is None:
            self.without_price = WIDE.add(self.without_price, row.quantity)
        else:
            self.to_date[row.currency] = WIDE.add(self.to_date.get(row.currency, _ZERO), row.cost)


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedOutlook:
    """A part's forecast in money.

    Attributes:
        by_currency: usually one.
        state: why the time ahead has no price; PRICED where it has one.
        ahead: the quantity that is expected and has no price.
    """

    part: CostPart
    by_currency: dict[str, Outlook]
    state: State
    ahead: Fraction


def key_dimensions(metrics: Iterable[str], book: RateBook) -> dict[str, frozenset[str]]:
    """By which dimensions each metric is priced."""
    return {metric: book.dimensions(metric) | frozenset(scheme_of(metric).keys) for metric in metrics}


def parts_of(
    rows: Iterable[CostRow], window: Window, groups: Sequence[str], dimensions: Sequence[str],
    keys: dict[str, frozenset[str]],
) -> list[CostPart]:  # fmt: skip
    """Rows by group and key.

    Args:
        rows: by day and organisation.
        window: whose days.
        groups: what is asked for.
        dimensions: what the rows' dimensions are: those of `groups`, and what prices depend on.
        keys: see `key_dimensions`.
    """
    found: dict[object, CostPart] = {}
    for row in rows:
        if row.state is State.SUPERSEDED or row.bucket is None:
            continue
        values = dict(zip(dimensions, row.dimensions, strict=True))
        named = {**values, "type": row.metric, "org": row.org, "project": row.project}
        group = tuple(named[name] for name in groups)
        wanted = keys.get(row.metric, frozenset())
        attributes = {name: value for name, value in values.items() if value is not None and name in wanted}
        place = (group, row.org, row.metric, row.unit, tuple(sorted(attributes.items())))
        if place not in found:
            key = Key(metric=row.metric, unit=row.unit, attributes={**scheme_of(row.metric).defaults, **attributes})
            found[place] = CostPart(group=group, org=row.org or "", key=key)
        found[place].add(row, row.bucket.astimezone(window.zone).date(), window)
    return list(found.values())


def priced(part: CostPart, window: Window, book: RateBook, unknown: set[date]) -> PricedOutlook:
    """Forecast a part's quantity and price it; what has no price ahead is expected as a quantity only."""
    history = window.history
    # A sender that takes out more than it counted is flagged elsewhere; nobody will use less than nothing.
    quantities = [None if day in unknown else max(part.days.get(day, _ZERO), _ZERO) for day in history]
    start, end = (floor(window.midnight(day), HOUR) for day in (window.first, window.end))
    segments = book.segments(part.org, part.key, start, end + HOUR)
    last = segments[-1].tariff
    days = [window.first + _DAY * n for n in range(len(history) + window.horizon.days)]
    prices = daily_prices(segments, [window.midnight(day) for day in (*days, window.end)], last.currency)
    nothing = [None if quantity is None else _ZERO for quantity in quantities]
    outlooks = {
        currency: outlook_of(Part(days=nothing, to_date=cost), window.horizon)
        for currency, cost in part.to_date.items()
    }
    if last.currency is None or None in prices[len(history) :]:
        state = last.state if last.state is not State.PRICED else State.UNPRICED
        ahead = outlook_of(Part(days=quantities, to_date=_ZERO), window.horizon).remaining
        return PricedOutlook(part=part, by_currency=outlooks, state=state, ahead=ahead or Fraction())
    cost = part.to_date.get(last.currency, _ZERO)
    outlooks[last.currency] = outlook_of(
        Part(days=quantities, to_date=cost, prices=filled(prices)), window.horizon
    )  # fmt: skip
    return PricedOutlook(part=part, by_currency=outlooks, state=State.PRICED, ahead=Fraction())


def daily_prices(segments: Sequence[Segment], midnights: Sequence[datetime], currency: str | None) -> Prices:
    """The mean price of each day's hours; None where one of them has none in that currency.

    Args:
        segments: without a gap, from before the first midnight to after the last.
        midnights: the begins of days, and the end of the last one.
        currency: of the prices.
    """
    found: Prices = []
    place = 0
    for start, end in pairwise(midnights):
        while segments[place].end <= start:
            place += 1
        total: Fraction | None = Fraction()
        current = place
        while current < len(segments) and segments[current].start < end:
            lower, upper, tariff = segments[current]
            if tariff.price is None or tariff.currency != currency or total is None:
                total = None
            else:
                share = Fraction((min(upper, end) - max(lower, start)) // timedelta(seconds=1),
                                 (end - start) // timedelta(seconds=1))  # fmt: skip
                total += Fraction(tariff.price) * share
            current += 1
        found.append(total)
    return found


def filled(prices: Prices) -> list[Fraction]:
    """Where a day of the history had no price yet, that of the next day that has one: only back-tests look at it."""
    found: list[Fraction] = []
    following = Fraction()
    for price in reversed(prices):
        following = following if price is None else price
        found.append(following)
    return found[::-1]
