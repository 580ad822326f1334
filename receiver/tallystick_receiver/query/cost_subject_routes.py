"""GET /api/v1/costs/top and /distribution: who costs most, and how cost is spread over those who cause it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from tallystick_receiver.costs import WIDE, hours_of, share, sums
from tallystick_receiver.distribution import DECILES, PERCENTILES, Spread
from tallystick_receiver.errors import InvalidQuestion
from tallystick_receiver.query.cost_routes import asked_content, number_text, totals_content, unpriced_models
from tallystick_receiver.query.params import Words
from tallystick_receiver.query.problem import answer
from tallystick_receiver.question import TIME_UNITS, Question
from tallystick_receiver.ranges import HOUR
from tallystick_receiver.store.cost_subjects import BEFORE, Subject, Subjects, read_subjects

if TYPE_CHECKING:
    from aiohttp import web
    from multidict import MultiMapping

    from tallystick_receiver.query.asking import Caller, Desk

_DISTRIBUTION: Final = Words(groups="user")
_TOP: Final = Words(groups="user", also=("limit",))
_LIMIT: Final = 10
LIMIT_MAX: Final = 1000


class CostSubjectRoutes:
    """Who causes what."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the routes."""
        router.add_get("/api/v1/costs/top", self.top)
        router.add_get("/api/v1/costs/distribution", self.distribution)

    async def top(self, request: web.Request) -> web.Response:
        """The costliest subjects: their shares, their growth, and who stands out."""
        caller = await self._desk.caller(request)
        question = self._question(request, caller, _TOP)
        limit = _limit(request.query)
        completeness = await self._desk.completeness(question, caller)
        found = await read_subjects(self._desk.database, question, caller.now, costliest=limit, with_before=True)
        rows = _rows(found, question, caller.now)
        spreads = [_whole(found.spreads[currency]) for currency in sorted(found.spreads)]
        return answer(
            {**asked_content(question), "rows": rows, "subjects": spreads, **_sums(found), "completeness": completeness}
        )

    async def distribution(self, request: web.Request) -> web.Response:
        """Percentiles, deciles, the Lorenz curve, Gini, and the share of the top, by currency."""
        caller = await self._desk.caller(request)
        question = self._question(request, caller, _DISTRIBUTION)
        completeness = await self._desk.completeness(question, caller)
        found = await read_subjects(self._desk.database, question, caller.now)
        rows = [_spread(found.spreads[currency]) for currency in sorted(found.spreads)]
        return answer({**asked_content(question), "rows": rows, **_sums(found), "completeness": completeness})

    def _question(self, request: web.Request, caller: Caller, words: Words) -> Question:
        question = self._desk.question(request, caller, words)
        if question.unit is not None or "type" in question.group_by:
            raise InvalidQuestion(f"groupBy names who causes cost: type, {', '.join(TIME_UNITS)} cannot be among them")
        return question


def growth_of(cost: Decimal, before: Decimal, elapsed_hours: int) -> Decimal | None:
    """By how much an hour costs more than an hour of the four weeks before did; 0.5 is half as much again.

    Args:
        cost: of the window as far as it is over.
        before: of the four weeks before it.
        elapsed_hours: of the window.

    Returns:
        Six decimals; None where nothing is known of before, or nothing of the window is over.
    """
    if before <= 0 or elapsed_hours <= 0:
        return None
    ratio = Fraction(cost) * (BEFORE // HOUR) / (Fraction(before) * elapsed_hours)
    return WIDE.scaleb(Decimal(round((ratio - 1) * 10**6)), -6)


def _rows(found: Subjects, question: Question, now: datetime) -> list[dict[str, Any]]:
    start, end = hours_of(question.start, min(question.end, now))
    elapsed = (end - start) // HOUR
    totals = {one.currency: one.cost for _, one in sums(((), row) for row in found.costs.rows)}
    running: dict[str, Decimal] = {}
    rows = []
    for one in found.costliest:
        whole = totals[one.currency] or Decimal(0)
        running[one.currency] = WIDE.add(running.get(one.currency, Decimal(0)), one.cost)
        growth = growth_of(one.cost, one.before, elapsed)
        rows.append({
            **_named(one, question), "currency": one.currency, "cost": number_text(one.cost),
            "share": number_text(share(one.cost, whole)),
            "cumulativeShare": number_text(share(running[one.currency], whole)),
            "costBefore": number_text(one.before), "growth": number_text(growth),
            "isOutlier": found.spreads[one.currency].is_outlier(one.cost),
        })  # fmt: skip
    return rows


def _named(one: Subject, question: Question) -> dict[str, str | None]:
    values = {"org": one.org, "project": one.project, **dict(zip(question.dimensions, one.dimensions, strict=True))}
    return {group: values.get(group) for group in question.group_by}


def _whole(spread: Spread) -> dict[str, Any]:
    return {
        "currency": spread.currency, "count": spread.subjects, "cost": number_text(spread.cost),
        "median": number_text(spread.marks[500].cost), "outlierAbove": number_text(spread.outlier_above),
    }  # fmt: skip


def _spread(spread: Spread) -> dict[str, Any]:
    return {
        "currency": spread.currency, "count": spread.subjects, "cost": number_text(spread.cost),
        "mean": number_text(spread.mean), "min": number_text(spread.least), "max": number_text(spread.most),
        **{f"p{k // 10}": number_text(spread.marks[k].cost) for k in PERCENTILES},
        "deciles": [number_text(spread.marks[k].cost) for k in DECILES],
        "lorenz": [{"subjects": number_text(x), "cost": number_text(y)} for x, y in spread.lorenz()],
        "gini": number_text(spread.gini),
        "top1Share": number_text(share(spread.top_1, spread.cost)),
        "top10Share": number_text(share(spread.top_10, spread.cost)),
    }  # fmt: skip


def _sums(found: Subjects) -> dict[str, Any]:
    return {**totals_content(found.costs), "unpricedModels": unpriced_models(found.models, found.costs)}


def _limit(query: MultiMapping[str]) -> int:
    text = query.get("limit", str(_LIMIT))
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text[:9]) <= LIMIT_MAX:
        raise InvalidQuestion(f"limit must be 1 to {LIMIT_MAX}")
    return int(text[:9])
