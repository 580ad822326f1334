"""GET /api/v1/costs/forecast: what a period will cost. Quantities are forecast, and then priced by the day."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from tallystick.quantity import text_of
from tallystick_receiver.adapters import foreign_metrics
from tallystick_receiver.costs import WIDE
from tallystick_receiver.errors import InvalidQuestion
from tallystick_receiver.forecast import Outlook, forecast_of, rounded
from tallystick_receiver.pricing import RateBook, State
from tallystick_receiver.query.completeness_json import in_short
from tallystick_receiver.query.cost_days import CostPart, Group, PricedOutlook, key_dimensions, parts_of, priced
from tallystick_receiver.query.forecast_routes import framed, takes_unknown_as_zero
from tallystick_receiver.query.forecast_window import (
    GROUPS_MAX,
    WORDS,
    Window,
    forecast_json,
    totals_of,
    unknown_days,
    window_of,
)
from tallystick_receiver.query.json_answer import rfc3339
from tallystick_receiver.query.problem import answer
from tallystick_receiver.schemes import expected_metrics
from tallystick_receiver.store.costs import read_costs
from tallystick_receiver.store.rates import read_book

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiohttp import web

    from tallystick_receiver.query.asking import Desk
    from tallystick_receiver.store.completeness import Completeness

_FIXED: Final = ("type", "org", "project")


class CostForecastRoutes:
    """Cost to date, and what the rest of the period is expected to cost."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the route."""
        router.add_get("/api/v1/costs/forecast", self.forecast)

    async def forecast(self, request: web.Request) -> web.Response:
        """By group and currency; what has no price ahead is listed with its quantity."""
        caller = await self._desk.caller(request)
        asked = self._desk.question(request, caller, WORDS)
        is_zero = takes_unknown_as_zero(request)
        window = window_of(asked, caller.now)
        books = await self._desk.books_of(replace(window.question(asked), types=()), caller)
        async with self._desk.database.reading() as connection:
            book = await read_book(connection, None)
        keys = key_dimensions({*book.metrics(), *expected_metrics()}, book)
        dimensions = tuple(sorted(frozenset().union(*keys.values())))
        groups = tuple(dict.fromkeys((*(name for name in asked.group_by if name in _FIXED), *asked.dimensions)))
        by_key = replace(asked, group_by=tuple(dict.fromkeys((*groups, *dimensions, "org"))))
        costs = await read_costs(self._desk.database, window.question(by_key), self._desk.rows_max, caller.now)
        parts = parts_of(costs.rows, window, groups, by_key.dimensions, keys)
        if len(parts) > GROUPS_MAX:
            raise InvalidQuestion(f"the forecast needs more than {GROUPS_MAX} parts: ask for fewer groups")
        found = await asyncio.to_thread(_forecast, groups, window, books, parts, book, is_zero=is_zero)
        return answer(framed(asked, window, caller) | found | {
            "pricedUntil": rfc3339(min(costs.priced_until, caller.now)),
            "completeness": in_short(books, caller.access.org),
        })  # fmt: skip


def _forecast(
    groups: tuple[str, ...],
    window: Window,
    books: Completeness,
    parts: list[CostPart],
    book: RateBook,
    *,
    is_zero: bool,
) -> dict[str, Any]:
    used = {day for part in parts for day, quantity in part.days.items() if quantity}
    metrics = {*(part.key.metric for part in parts), *foreign_metrics()}
    unknown = set() if is_zero else unknown_days(window, books, used, metrics)
    outlooks = [priced(part, window, book, unknown) for part in parts]
    by_group: dict[tuple[str, Group], list[Outlook]] = defaultdict(list)
    for outlook in outlooks:
        for currency, one in outlook.by_currency.items():
            by_group[currency, outlook.part.group].append(one)
    rows = [
        dict(zip(groups, group, strict=True)) | {"currency": currency} | forecast_json(forecast_of(members))
        for (currency, group), members in by_group.items()
    ]
    rows.sort(key=lambda row: [*((row[name] is not None, row[name] or "") for name in groups), row["currency"]])
    totals = []
    for currency in sorted({currency for currency, _ in by_group}):
        whole = forecast_of(one for (which, _), members in by_group.items() for one in members if which == currency)
        own = [row for row in rows if row["currency"] == currency]
        totals.append({"currency": currency} | totals_of(own, whole))
    first = min(used, default=window.today)
    return {
        "rows": rows, "totals": totals, "unpriced": _unpriced(outlooks),
        "unknownDays": [day.isoformat() for day in sorted(unknown) if day >= first],
    }  # fmt: skip


def _unpriced(outlooks: Iterable[PricedOutlook]) -> list[dict[str, Any]]:
    """Quantities that have no price, so far and ahead."""
    found: dict[tuple[str, str, str], tuple[Decimal, Fraction]] = {}
    for outlook in outlooks:
        part = outlook.part
        if not part.without_price and not outlook.ahead:
            continue
        state = outlook.state if outlook.state is not State.PRICED else State.UNPRICED
        place = (part.key.metric, part.key.unit, state.value)
        before = found.get(place, (Decimal(0), Fraction()))
        found[place] = (WIDE.add(before[0], part.without_price), before[1] + outlook.ahead)
    return [
        {
            "type": metric,
            "unit": unit,
            "reason": reason,
            "toDate": text_of(so_far),
            "remaining": text_of(rounded(ahead)),
        }
        for (metric, unit, reason), (so_far, ahead) in sorted(found.items())
    ]
