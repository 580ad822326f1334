"""GET /api/v1/costs/trend: cost by day, week or month, each against the one before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from tallystick_receiver.costs import WIDE, Sum, share, sums
from tallystick_receiver.errors import InvalidQuestion
from tallystick_receiver.forecast import rounded
from tallystick_receiver.pricing import State
from tallystick_receiver.query.cost_routes import (
    asked_content,
    number_text,
    sum_content,
    totals_content,
    unpriced_models,
)
from tallystick_receiver.query.json_answer import bucket_text
from tallystick_receiver.query.params import Words
from tallystick_receiver.query.problem import answer
from tallystick_receiver.store.costs import Costs, read_costs_and_unpriced
from tallystick_receiver.trend import buckets_of, direction_of, line_of

if TYPE_CHECKING:
    from aiohttp import web

    from tallystick_receiver.query.asking import Desk
    from tallystick_receiver.question import Question

_WORDS: Final = Words(groups="day")
_UNITS: Final = ("day", "week", "month")
_NOTHING: Final = Decimal(0)


class CostTrendRoutes:
    """How cost goes."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the routes."""
        router.add_get("/api/v1/costs/trend", self.trend)

    async def trend(self, request: web.Request) -> web.Response:
        """Cost by day, week or month; a direction only where a straight line explains enough."""
        caller = await self._desk.caller(request)
        question = self._desk.question(request, caller, _WORDS)
        if question.group_by not in {(unit,) for unit in _UNITS}:
            raise InvalidQuestion("groupBy must be day, week or month")
        completeness = await self._desk.completeness(question, caller)
        costs, models = await read_costs_and_unpriced(
            self._desk.database, question, self._desk.rows_max, caller.now
        )  # fmt: skip
        over = min(question.end, caller.now, costs.priced_until)
        rows: list[dict[str, Any]] = []
        trends = []
        for currency, by_bucket in _series(costs, question).items():
            shown, complete = _rows(question, currency, by_bucket, over, caller.now)
            rows += shown
            trends.append(_trend(currency, complete))
        return answer({
            **asked_content(question), "rows": rows, "trends": trends, **totals_content(costs),
            "unpricedModels": unpriced_models(models, costs), "completeness": completeness,
        })  # fmt: skip


def _series(costs: Costs, question: Question) -> dict[str | None, dict[str, Sum]]:
    """Sums by currency and bucket; what has no price is with the first currency of all."""
    live = [row for row in costs.rows if row.state is not State.SUPERSEDED]
    currencies = sorted({row.currency for row in live if row.currency is not None})
    found: dict[str | None, dict[str, Sum]] = {currency: {} for currency in currencies}
    if live and not currencies:
        found[None] = {}
    rows = (
        ((currencies[0] if row.currency is None and currencies else row.currency, row.bucket), row) for row in live
    )  # fmt: skip
    for (currency, bucket), one in sums(rows):
        assert isinstance(bucket, datetime)  # noqa: S101 - the question is by a unit of time
        found[currency][bucket_text(bucket.astimezone(question.zone), question.group_by[0])] = one  # type: ignore[index]
    return found


def _rows(
    question: Question, currency: str | None, by_bucket: dict[str, Sum], over: datetime, now: datetime
) -> tuple[list[dict[str, Any]], list[Decimal]]:
    """A row for each bucket that has begun, and the costs of those that are whole, from the first with any on.

    Where nothing was used the cost is 0; where what was used has no price it is not known.
    """
    unit = question.group_by[0]
    rows: list[dict[str, Any]] = []
    complete: list[Decimal] = []
    before: Decimal | None = None
    for start, end in buckets_of(question):
        name = bucket_text(start.astimezone(question.zone), unit)
        if start >= now and name not in by_bucket:
            continue
        one = by_bucket.get(name, Sum(currency=currency))
        cost = one.cost if one.cost is not None or one.unpriced else _NOTHING
        is_complete = start >= question.start and end <= over
        known = cost if is_complete else None
        change = WIDE.subtract(known, before) if known is not None and before is not None else None
        rows.append({
            unit: name, **sum_content(one), "currency": currency, "cost": number_text(cost), "isComplete": is_complete,
            "change": number_text(change),
            "changeShare": number_text(share(change, before)) if change is not None and before is not None else None,
        })  # fmt: skip
        before = known
        if known is not None and (known or complete):
            complete.append(known)
    return rows, complete


def _trend(currency: str | None, complete: Sequence[Decimal]) -> dict[str, Any]:
    line = line_of(complete)
    return {
        "currency": currency, "direction": None if line is None else direction_of(line), "buckets": len(complete),
        "changePerBucket": None if line is None else number_text(rounded(line.slope)),
        "r2": None if line is None or line.r2 is None else number_text(rounded(line.r2)),
    }  # fmt: skip
