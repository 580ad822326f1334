"""Amounts of cost: what they add up to, and what of them is not known. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Context, Decimal
from typing import Final, NamedTuple

from tallystick.llm import kinds
from tallystick.semconv import METRIC_OVERFLOW, SERVICE_NAME
from tallystick_receiver.periods import month_of, next_month
from tallystick_receiver.pricing import State
from tallystick_receiver.question import Question
from tallystick_receiver.ranges import HOUR, Range, ceiling

WIDE: Final = Context(prec=2000)
"""Decimal's own + rounds to 28 digits."""
_SHARE: Final = Context(prec=6)


class CostRow(NamedTuple):
    """Cost of one metric in one group, of one state, currency and grade; None where it has no price.

    A tuple, in the order of the columns of read_costs.sql: there may be 100,000 of them in an answer.
    """

    org: str | None
    project: str | None
    metric: str
    unit: str
    bucket: datetime | None
    dimensions: tuple[str | None, ...]
    state: State
    currency: str | None
    grade: str
    is_adjustment: bool
    is_overflow: bool
    quantity: Decimal
    cost: Decimal | None
    list_cost: Decimal | None
    billed_cost: Decimal | None


@dataclass(frozen=True, slots=True)
class Dimension:
    """Where a group's value is found.

    Attributes:
        key: an attribute of a line, or a column of it or its tariff (`@source`).
        other: another attribute, where the first is missing.
        is_resolved: by the name that rates use, not the one that was sent.
    """

    key: str
    other: str | None = None
    is_resolved: bool = False


GROUPS: Final = {
    "provider": Dimension(kinds.PROVIDER, is_resolved=True),
    "model": Dimension(kinds.MODEL, is_resolved=True),
    "kind": Dimension(kinds.TOKEN_KIND, other=kinds.UNIT_KIND),
    "tier": Dimension(kinds.SERVICE_TIER, other="tier"),
    "region": Dimension(kinds.REGION, other="region"),
    "user": Dimension(kinds.USER),
    "conversation": Dimension(kinds.CONVERSATION),
    "feature": Dimension(kinds.FEATURE),
    "agent": Dimension(kinds.AGENT),
    "root": Dimension(kinds.ROOT),
    "source": Dimension("@source"),
    "grade": Dimension("@grade"),
    "state": Dimension("@state"),
    "category": Dimension("@category"),
}
"""What reports group by besides type, project, org and time; any other name is an attribute's key."""


TOTAL_DIMENSIONS: Final = frozenset({
    kinds.PROVIDER, kinds.MODEL, kinds.TOKEN_KIND, kinds.UNIT_KIND, kinds.SERVICE_TIER, kinds.CONTEXT_BAND,
    kinds.REGION, kinds.USER, kinds.FEATURE, kinds.AGENT, SERVICE_NAME, METRIC_OVERFLOW, "region", "tier",
})  # fmt: skip
"""Dimensions that monthly totals keep: those of which there are few, or that are always asked for."""


def dimension_of(group: str) -> Dimension:
    """Where the value of a group is found."""
    return GROUPS.get(group, Dimension(group))


def hours_of(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """The full hours that begin within a window: cost is kept by them, and each belongs to one window."""
    return ceiling(start, HOUR), ceiling(end, HOUR)


@dataclass(frozen=True, slots=True)
class CostRanges:
    """Where a window is read: half-open ranges of hours, and whole months of UTC."""

    hours: list[Range]
    months: list[datetime]


def cost_ranges(question: Question) -> CostRanges:
    """Whole months from their totals, where these know what is asked; the rest by the hour."""
    start, end = hours_of(question.start, question.end)
    if start >= end:
        return CostRanges([], [])
    asked = [name for group in question.dimensions for name in (dimension_of(group).key, dimension_of(group).other)]
    names = {name for name in (*asked, *question.filters) if name is not None and not name.startswith("@")}
    is_fine = question.unit in ("hour", "day", "week") or (question.unit == "month" and question.zone.key != "UTC")
    first = month_of(start) if start == month_of(start) else next_month(start)
    last = month_of(end)
    if is_fine or not names <= TOTAL_DIMENSIONS or first >= last:
        return CostRanges([(start, end)], [])
    months = [first]
    while (following := next_month(months[-1])) < last:
        months.append(following)
    return CostRanges([r for r in ((start, first), (last, end)) if r[0] < r[1]], months)


Place = tuple[str, str]
"""A metric and its unit: what quantities add up by."""


@dataclass(slots=True)
class Sum:
    """What rows of cost add up to, in one currency at most.

    Attributes:
        currency: None where nothing has a price.
        cost, list_cost, billed_cost: None where nothing has a price.
        quantities: of all usage, with a price or without.
        unpriced: of usage without a price, by why.
        superseded: of usage that the same sender counted in a better way; it is in no other figure.
    """

    currency: str | None = None
    cost: Decimal | None = None
    list_cost: Decimal | None = None
    billed_cost: Decimal | None = None
    quantities: dict[Place, Decimal] = field(default_factory=dict)
    unpriced: dict[tuple[str, str, State], Decimal] = field(default_factory=dict)
    superseded: dict[Place, Decimal] = field(default_factory=dict)

    def add(self, row: CostRow) -> None:
        """One more row, exactly."""
        place = (row.metric, row.unit)
        if row.state is State.SUPERSEDED:
            self.superseded[place] = _plus(self.superseded.get(place), row.quantity)
            return
        self.quantities[place] = _plus(self.quantities.get(place), row.quantity)
        if row.cost is None or row.list_cost is None or row.billed_cost is None:
            reason = (*place, row.state)
            self.unpriced[reason] = _plus(self.unpriced.get(reason), row.quantity)
            return
        self.currency = row.currency
        self.cost = _plus(self.cost, row.cost)
        self.list_cost = _plus(self.list_cost, row.list_cost)
        self.billed_cost = _plus(self.billed_cost, row.billed_cost)


def sums(rows: Iterable[tuple[Group, CostRow]]) -> list[tuple[Group, Sum]]:
    """Rows by group and currency. What has no price is with its group's first currency, or alone.

    Args:
        rows: each with the group that it belongs to.

    Returns:
        Each group as often as it has currencies, at least once; in the order of groups as they come.
    """
    priced: dict[Group, dict[str, Sum]] = {}
    rest: dict[Group, list[CostRow]] = {}
    for group, row in rows:
        by_currency = priced.setdefault(group, {})
        if row.currency is None:
            rest.setdefault(group, []).append(row)
        else:
            by_currency.setdefault(row.currency, Sum()).add(row)
    found = []
    for group, by_currency in priced.items():
        ordered = [by_currency[currency] for currency in sorted(by_currency)] or [Sum()]
        for row in rest.get(group, ()):
            ordered[0].add(row)
        found += [(group, one) for one in ordered]
    return found


Group = tuple[object, ...]


def share(part: Decimal, whole: Decimal) -> Decimal | None:
    """Which part of a whole that is, with six digits; None of nothing."""
    return None if not whole else _SHARE.divide(part, whole)


def _plus(sum_: Decimal | None, more: Decimal) -> Decimal:
    return more if sum_ is None else WIDE.add(sum_, more)
