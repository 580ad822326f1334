"""Amounts of cost: what they add up to, and what of them is not known. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Context, Decimal
from functools import reduce
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeVar

from tallystick.llm import kinds
from tallystick.semconv import METRIC_OVERFLOW, SERVICE_NAME
from tallystick_receiver.periods import month_of, next_month
from tallystick_receiver.pricing import State
from tallystick_receiver.question import Question
from tallystick_receiver.ranges import HOUR, Range, ceiling

WIDE: Final = Context(prec=2000)
"""Decimal's own + rounds to 28 digits."""
_SHARE: Final = Context(prec=6)
_NOTHING: Final[Mapping[Any, Decimal]] = MappingProxyType({})
Named = TypeVar("Named")


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

USER_DIMENSIONS: Final = frozenset({kinds.USER, METRIC_OVERFLOW, "@grade", "@state", "@category"})
"""What monthly totals by user know (`cost_user` in migration 0031)."""


def dimension_of(group: str) -> Dimension:
    """Where the value of a group is found."""
    return GROUPS.get(group, Dimension(group))


def hours_of(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """The full hours that begin within a window: cost is kept by them, and each belongs to one window."""
    return ceiling(start, HOUR), ceiling(end, HOUR)


@dataclass(frozen=True, slots=True)
class CostRanges:
    """Where a window is read: half-open ranges of hours, and whole months of UTC from totals, or from those by user."""

    hours: list[Range]
    months: list[datetime]
    user_months: list[datetime]


def cost_ranges(question: Question) -> CostRanges:
    """Whole months from their totals, where these know what is asked; the rest by the hour."""
    start, end = hours_of(question.start, question.end)
    if start >= end:
        return CostRanges([], [], [])
    asked = [name for group in question.dimensions for name in (dimension_of(group).key, dimension_of(group).other)]
    names = {name for name in (*asked, *question.filters) if name is not None}
    is_known = all(name.startswith("@") or name in TOTAL_DIMENSIONS for name in names)
    is_fine = question.unit in ("hour", "day", "week") or (question.unit == "month" and question.zone.key != "UTC")
    first = month_of(start) if start == month_of(start) else next_month(start)
    last = month_of(end)
    if is_fine or not is_known or first >= last:
        return CostRanges([(start, end)], [], [])
    months = [first]
    while (following := next_month(months[-1])) < last:
        months.append(following)
    hours = [r for r in ((start, first), (last, end)) if r[0] < r[1]]
    return CostRanges(hours, [], months) if names <= USER_DIMENSIONS else CostRanges(hours, months, [])


Place = tuple[str, str]
"""A metric and its unit: what quantities add up by."""


Group = tuple[object, ...]


@dataclass(slots=True)
class Sum:
    """What rows of cost add up to, in one currency at most.

    Attributes:
        currency: None where nothing has a price.
        cost, list_cost, billed_cost: None where nothing has a price; one object where they are the same.
        quantities: of all usage, with a price or without.
        unpriced: of usage without a price, by why.
        superseded: of usage that the same sender counted in a better way; it is in no other figure.
    """

    currency: str | None = None
    cost: Decimal | None = None
    list_cost: Decimal | None = None
    billed_cost: Decimal | None = None
    quantities: Mapping[Place, Decimal] = field(default_factory=lambda: _NOTHING)
    unpriced: Mapping[tuple[str, str, State], Decimal] = field(default_factory=lambda: _NOTHING)
    superseded: Mapping[Place, Decimal] = field(default_factory=lambda: _NOTHING)


def sums(rows: Iterable[tuple[Group, CostRow]]) -> list[tuple[Group, Sum]]:
    """Rows by group and currency. What has no price is with its group's first currency, or alone.

    Args:
        rows: each with the group that it belongs to.

    Returns:
        Each group as often as it has currencies, at least once; in the order of groups as they come.
    """
    members: dict[Group, list[CostRow]] = {}
    for group, row in rows:
        if group in members:
            members[group].append(row)
        else:
            members[group] = [row]
    return [(group, one) for group, found in members.items() for one in _by_currency(found)]


def share(part: Decimal, whole: Decimal) -> Decimal | None:
    """Which part of a whole that is, with six digits; None of nothing."""
    return None if not whole else _SHARE.divide(part, whole)


def _by_currency(rows: list[CostRow]) -> list[Sum]:
    if len(rows) == 1 and rows[0].cost is not None:
        # Nearly all groups of a large answer are one row: nothing is added up.
        [row] = rows
        return [Sum(row.currency, row.cost, row.list_cost, row.billed_cost, {(row.metric, row.unit): row.quantity})]
    currencies = sorted({row.currency for row in rows if row.currency is not None})
    if len(currencies) <= 1:
        return [_sum_of(rows)]
    chosen = [[row for row in rows if row.currency == currency] for currency in currencies]
    chosen[0] += [row for row in rows if row.currency is None]
    return [_sum_of(found) for found in chosen]


def _sum_of(rows: list[CostRow]) -> Sum:
    """Rows of one currency at most, exactly."""
    counted = [row for row in rows if row.state is not State.SUPERSEDED]
    priced = [row for row in counted if row.cost is not None]
    cost = _total([row.cost for row in priced])
    return Sum(
        currency=priced[0].currency if priced else None, cost=cost,
        list_cost=cost if all(r.list_cost is r.cost for r in priced) else _total([r.list_cost for r in priced]),
        billed_cost=cost if all(r.billed_cost is r.cost for r in priced) else _total([r.billed_cost for r in priced]),
        quantities=_quantities(((row.metric, row.unit), row.quantity) for row in counted),
        unpriced=_quantities(((r.metric, r.unit, r.state), r.quantity) for r in counted if r.cost is None),
        superseded=_quantities(((r.metric, r.unit), r.quantity) for r in rows if r.state is State.SUPERSEDED),
    )  # fmt: skip


def _total(numbers: list[Decimal | None]) -> Decimal | None:
    """Exact; None of none."""
    return reduce(WIDE.add, (number for number in numbers if number is not None)) if numbers else None


def _quantities(pairs: Iterable[tuple[Named, Decimal]]) -> dict[Named, Decimal]:
    found: dict[Named, Decimal] = {}
    for place, quantity in pairs:
        found[place] = WIDE.add(found[place], quantity) if place in found else quantity
    return found
