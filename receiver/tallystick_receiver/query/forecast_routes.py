"""GET /api/v1/usage/forecast: what a period's usage will come to."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tallystick_receiver.costs import WIDE
from tallystick_receiver.errors import InvalidQuestion
from tallystick_receiver.forecast import Outlook, Part, forecast_of, outlook_of
from tallystick_receiver.query.completeness_json import in_short
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
from tallystick_receiver.store.usage import Usage, read_usage

if TYPE_CHECKING:
    from aiohttp import web

    from tallystick_receiver.query.asking import Caller, Desk
    from tallystick_receiver.question import Question
    from tallystick_receiver.store.completeness import Completeness

_ZERO: Final = Decimal(0)


class Group(NamedTuple):
    """What a row is forecast of."""

    type: str
    unit: str
    org: str | None
    project: str | None
    dimensions: tuple[str | None, ...]


Daily = dict[Group, dict[date, Decimal]]


class UsageForecastRoutes:
    """Usage to date, and what the rest of the period is expected to bring."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the route."""
        router.add_get("/api/v1/usage/forecast", self.forecast)

    async def forecast(self, request: web.Request) -> web.Response:
        """By metric and group; sums and histograms only, since levels do not add up over days."""
        caller = await self._desk.caller(request)
        asked = self._desk.question(request, caller, WORDS)
        is_zero = takes_unknown_as_zero(request)
        window = window_of(asked, caller.now)
        question = window.question(asked)
        books = await self._desk.books_of(question, caller)
        usage = await read_usage(self._desk.database, question, caller.hold, self._desk.rows_max)
        found = await asyncio.to_thread(_forecast, asked, window, books, usage, is_zero=is_zero)
        return answer(framed(asked, window, caller) | found | {"completeness": in_short(books, caller.access.org)})


def takes_unknown_as_zero(request: web.Request) -> bool:
    """Whether days without usage count as zero also where nobody knows that they are complete.

    Raises:
        InvalidQuestion: it is neither `zero` nor `skip`.
    """
    text = request.query.get("unknownDays", "skip")
    if text not in ("zero", "skip"):
        raise InvalidQuestion("unknownDays must be skip or zero")
    return text == "zero"


def framed(asked: Question, window: Window, caller: Caller) -> dict[str, Any]:
    """What was asked, and when."""
    head: dict[str, Any] = {} if asked.org is None else {"orgId": asked.org}
    return head | {
        "from": rfc3339(asked.start), "until": rfc3339(asked.end), "asOf": rfc3339(caller.now),
        "timeZone": window.zone.key, "groupBy": list(asked.group_by),
    }  # fmt: skip


def _forecast(asked: Question, window: Window, books: Completeness, usage: Usage, *, is_zero: bool) -> dict[str, Any]:
    daily, levels = _daily(usage, window)
    if len(daily) > GROUPS_MAX:
        raise InvalidQuestion(f"the forecast has more than {GROUPS_MAX} rows: ask for fewer groups")
    rows, totals, skipped = [], [], []
    for metric, groups in sorted(_by_metric(daily).items()):
        used = {day for group in groups for day, quantity in daily[group].items() if quantity}
        unknown = set() if is_zero else unknown_days(window, books, used, {metric[0]})
        outlooks = {group: _outlook(daily[group], window, unknown) for group in groups}
        own = [_named(asked, group) | forecast_json(forecast_of([outlooks[group]])) for group in groups]
        own.sort(key=lambda row: [(row[name] is not None, row[name]) for name in asked.group_by if name in row])
        rows += own
        totals.append({"type": metric[0], "unit": metric[1]} | totals_of(own, forecast_of(outlooks.values())))
        first = min(used, default=window.today)
        skipped += [{"type": metric[0], "day": day.isoformat()} for day in sorted(unknown) if day >= first]
    return {"rows": rows, "totals": totals, "unknownDays": skipped, "levels": sorted(levels)}


def _daily(usage: Usage, window: Window) -> tuple[Daily, set[str]]:
    """Quantities by group and day, and the metrics that are levels."""
    daily: Daily = defaultdict(dict)
    levels = set()
    for row in usage.rows:
        if row.level is not None or row.quantity is None or row.bucket is None:
            levels.add(row.metric)
            continue
        group = Group(row.metric, row.unit, row.org, row.project, row.dimensions)
        daily[group][row.bucket.astimezone(window.zone).date()] = row.quantity
    return daily, levels


def _by_metric(daily: Daily) -> dict[tuple[str, str], list[Group]]:
    found: dict[tuple[str, str], list[Group]] = defaultdict(list)
    for group in daily:
        found[group.type, group.unit].append(group)
    return found


def _outlook(days: dict[date, Decimal], window: Window, unknown: set[date]) -> Outlook:
    to_date = _ZERO
    for day, quantity in days.items():
        if window.start <= day <= window.today:
            to_date = WIDE.add(to_date, quantity)
    history = [None if day in unknown else days.get(day, _ZERO) for day in window.history]
    return outlook_of(Part(days=history, to_date=to_date), window.horizon)


def _named(asked: Question, group: Group) -> dict[str, Any]:
    found: dict[str, Any] = {"type": group.type, "unit": group.unit}
    if "org" in asked.group_by:
        found["org"] = group.org
    if "project" in asked.group_by:
        found["project"] = group.project
    return found | dict(zip(asked.dimensions, group.dimensions, strict=True))
