"""GET /api/v1/costs: what usage costs, at the prices of its hours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from tallystick.quantity import text_of
from tallystick_receiver.costs import WIDE, CostRow, Sum, share, sums
from tallystick_receiver.pricing import State
from tallystick_receiver.query.json_answer import bucket_text, rfc3339
from tallystick_receiver.query.paging import PARAMETERS, cut, page_of
from tallystick_receiver.query.params import Words
from tallystick_receiver.query.problem import answer
from tallystick_receiver.question import TIME_UNITS, Question
from tallystick_receiver.store.costs import Costs, read_costs

if TYPE_CHECKING:
    from aiohttp import web

    from tallystick_receiver.query.asking import Desk

_WORDS: Final = Words(also=PARAMETERS)
_COLUMNS: Final[dict[str, Callable[[CostRow], str | None]]] = {
    "type": lambda row: row.metric,
    "org": lambda row: row.org,
    "project": lambda row: row.project,
}


class CostRoutes:
    """What usage costs."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the routes."""
        router.add_get("/api/v1/costs", self.costs)

    async def costs(self, request: web.Request) -> web.Response:
        """Cost by any group; what has no price is listed, and never 0."""
        caller = await self._desk.caller(request)
        question = self._desk.question(request, caller, _WORDS)
        page = page_of(request.query, question, self._desk.rows_max)
        completeness = await self._desk.completeness(question, caller)
        costs = await read_costs(self._desk.database, question, self._desk.rows_max, caller.now)
        shown, following = cut(sorted(grouped(costs.rows, question), key=_order), page, _order)
        rows = [sum_content(one, dict(zip(question.group_by, group, strict=True))) for group, one in shown]
        return answer({
            **asked_content(question), "rows": rows, **totals_content(costs), "completeness": completeness,
            **({} if following is None else {"nextCursor": following}),
        })  # fmt: skip


def asked_content(question: Question) -> dict[str, Any]:
    """The question, as an answer repeats it."""
    return {
        **({} if question.org is None else {"orgId": question.org}),
        **({} if question.project is None else {"projectId": question.project}),
        "from": rfc3339(question.start), "to": rfc3339(question.end), "timeZone": question.zone.key,
        "groupBy": list(question.group_by),
    }  # fmt: skip


def grouped(rows: list[CostRow], question: Question) -> list[tuple[tuple[object, ...], Sum]]:
    """Sums by what is grouped by."""
    group_of = _groups_of(question)
    return sums((group_of(row), row) for row in rows if row.state is not State.SUPERSEDED)


def totals_content(costs: Costs) -> dict[str, Any]:
    """The sums of an answer, what of them is not known, and until when it is priced."""
    totals = [one for _, one in sums(((), row) for row in costs.rows)]
    lost = [row for row in costs.rows if _is_unattributed(row)]
    whole = {one.currency: one.cost for one in totals}
    unattributed = [
        {
            "currency": one.currency, "cost": number_text(one.cost), "quantities": _quantities(one),
            "share": number_text(share(one.cost, whole[one.currency] or one.cost)) if one.cost is not None else None,
        }
        for _, one in sums(((), row) for row in lost)
    ]  # fmt: skip
    first = totals[0] if totals else Sum()
    return {
        "totals": [sum_content(one) for one in totals],
        "unpriced": [
            {"type": metric, "unit": unit, "reason": state.value, "quantity": text_of(quantity),
             "share": number_text(share(quantity, _whole(totals, metric, unit)))}
            for (metric, unit, state), quantity in sorted(first.unpriced.items())
        ],
        "unattributed": unattributed,
        "superseded": [
            {"type": metric, "unit": unit, "quantity": text_of(quantity)}
            for (metric, unit), quantity in sorted(first.superseded.items())
        ],
        "grades": _grades(costs),
        "negative": [
            {"type": one.metric, "unit": one.unit, "hours": one.hours, "quantity": text_of(one.quantity)}
            for one in costs.negative
        ],
        "pricedUntil": rfc3339(costs.priced_until),
        "asOf": None if costs.as_of is None else rfc3339(costs.as_of),
    }  # fmt: skip


def unpriced_models(models: list[CostRow], costs: Costs) -> list[dict[str, Any]]:
    """What has no price, by model, and which part of all usage of that metric it is.

    Args:
        models: rows without a price, grouped by model.
        costs: all rows.
    """
    totals = [one for _, one in sums(((), row) for row in costs.rows)]
    found: dict[tuple[str, str, str, str], Decimal] = {}
    for row in models:
        place = (row.metric, row.unit, row.dimensions[0] or "", row.state.value)
        found[place] = WIDE.add(found.get(place, Decimal(0)), row.quantity)
    return [
        {"model": model or None, "type": metric, "unit": unit, "reason": reason, "quantity": text_of(quantity),
         "share": number_text(share(quantity, _whole(totals, metric, unit)))}
        for (metric, unit, model, reason), quantity in sorted(found.items())
    ]  # fmt: skip


def sum_content(one: Sum, group: Mapping[str, object] = MappingProxyType({})) -> dict[str, Any]:
    """A sum as the API shows it, after what it is the sum of; money and quantities are texts."""
    cost = number_text(one.cost)
    return {
        **group, "currency": one.currency, "cost": cost,
        "listCost": cost if one.list_cost is one.cost else number_text(one.list_cost),
        "billedCost": cost if one.billed_cost is one.cost else number_text(one.billed_cost),
        "quantities": _quantities(one),
        "unpriced": [
            {"type": metric, "unit": unit, "reason": state.value, "quantity": text_of(quantity)}
            for (metric, unit, state), quantity in sorted(one.unpriced.items())
        ] if one.unpriced else [],
    }  # fmt: skip


def _quantities(one: Sum) -> list[dict[str, str]]:
    pairs = one.quantities.items()
    return [
        {"type": metric, "unit": unit, "quantity": text_of(quantity)}
        for (metric, unit), quantity in (pairs if len(pairs) <= 1 else sorted(pairs))
    ]


def _grades(costs: Costs) -> list[dict[str, Any]]:
    """How well it could be priced, but for what is exact."""
    found = sums(
        ((row.grade,), row) for row in costs.rows if row.grade != "exact" and row.state is not State.SUPERSEDED
    )
    return [
        {"grade": grade, "currency": one.currency, "cost": number_text(one.cost), "quantities": _quantities(one)}
        for (grade,), one in sorted(found, key=lambda pair: (str(pair[0]), pair[1].currency or ""))
    ]


def _whole(totals: list[Sum], metric: str, unit: str) -> Decimal:
    return sum((total.quantities.get((metric, unit), Decimal(0)) for total in totals), Decimal(0))


def _is_unattributed(row: CostRow) -> bool:
    """Whether a dimension that is grouped by is not known of it, or an SDK's limit took them all."""
    return row.state is not State.SUPERSEDED and (row.is_overflow or any(value is None for value in row.dimensions))


def _groups_of(question: Question) -> Callable[[CostRow], tuple[object, ...]]:
    """What a row's group is."""
    parts = [_part(group, question) for group in question.group_by]
    return lambda row: tuple([part(row) for part in parts])


def _part(group: str, question: Question) -> Callable[[CostRow], str | None]:
    """One value of a group."""
    if group in _COLUMNS:
        return _COLUMNS[group]
    if group in TIME_UNITS:
        return lambda row: None if row.bucket is None else bucket_text(row.bucket.astimezone(question.zone), group)
    place = question.dimensions.index(group)
    return lambda row: row.dimensions[place]


def _order(row: tuple[tuple[object, ...], Sum]) -> list[Any]:
    """Rows are sorted by their groups, the unknown first, then by currency."""
    group, one = row
    return [*chain.from_iterable((name is not None, str(name)) for name in group), one.currency or ""]


def number_text(number: Decimal | None) -> str | None:
    """An exact number, or None."""
    return None if number is None else text_of(number)
