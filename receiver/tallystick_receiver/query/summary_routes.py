"""GET /api/v1/usage/summary: one metric of one subject in one period (design section 4)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from tallystick.quantity import text_of
from tallystick_receiver.errors import InvalidQuestion
from tallystick_receiver.query.json_answer import rfc3339
from tallystick_receiver.query.params import Words, time_of
from tallystick_receiver.query.periods import PERIODS, period_of
from tallystick_receiver.query.problem import answer
from tallystick_receiver.store.usage import UsageRow, read_usage

if TYPE_CHECKING:
    from datetime import datetime

    from aiohttp import web

    from tallystick_receiver.query.asking import Desk
    from tallystick_receiver.question import Question

CURRENT: Final = "current"
RESET_PERIOD: Final = "monthly"
"""How often a metric begins anew when nobody defined it."""
_WORDS: Final = Words(
    start=None, end=None, group_by=None, type=None, also=("metricKey", "periodType", "periodStart", "unit")
)


class SummaryRoutes:
    """How much one subject used of one metric in one period."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the route."""
        router.add_get("/api/v1/usage/summary", self.summary)

    async def summary(self, request: web.Request) -> web.Response:
        """The sum of a period, or the last sample of a level."""
        caller = await self._desk.caller(request)
        asked = self._desk.question(request, caller, _WORDS)
        key = request.query.get("metricKey")
        if not key or key.endswith("*"):
            raise InvalidQuestion("metricKey must name one metric")
        kind, start, end = _period(request, asked, caller.now)
        question = replace(asked, types=(key,), start=start, end=end)
        completeness = await self._desk.completeness(question, caller)
        usage = await read_usage(self._desk.database, question, caller.hold, self._desk.rows_max)
        row = _only(usage.rows, request.query.get("unit"))
        return answer({
            "metricKey": key.lower(),
            "subjectType": request.query.get("subjectType") or None,
            "subjectId": request.query.get("subjectId") or None,
            "periodType": kind,
            "periodStart": rfc3339(start),
            "periodEnd": rfc3339(end),
            **_figures(row),
            "completeness": completeness,
        })  # fmt: skip


def _period(request: web.Request, asked: Question, now: datetime) -> tuple[str, datetime, datetime]:
    """The kind of period as it was asked for, and the period that holds `periodStart`, or now."""
    kind = (request.query.get("periodType") or CURRENT).lower()
    if kind not in (*PERIODS, CURRENT):
        raise InvalidQuestion(f"periodType must be one of {', '.join(PERIODS)}, {CURRENT}, not {kind[:60]!r}")
    text = request.query.get("periodStart")
    if text and kind == CURRENT:
        raise InvalidQuestion("the current period begins when it begins: leave periodStart out")
    time = time_of(text, asked.zone, "periodStart") if text else now
    return kind, *period_of(RESET_PERIOD if kind == CURRENT else kind, time, asked.zone)


def _only(rows: list[UsageRow], unit: str | None) -> UsageRow | None:
    """The one row that is meant; None where there is no usage.

    Raises:
        InvalidQuestion: what is found does not add up.
    """
    found = [row for row in rows if unit is None or row.unit == unit]
    units = sorted({row.unit for row in found})
    if len(units) > 1:
        raise InvalidQuestion(f"the metric comes in several units, which do not add up: choose unit= of {units}")
    if len(found) > 1:
        raise InvalidQuestion("the metric is both counted and a level here: ask /api/usage for both")
    return found[0] if found else None


def _figures(row: UsageRow | None) -> dict[str, Any]:
    if row is None:
        return {"totalQuantity": "0", "recordCount": 0, "unit": None, "aggregationType": None}
    return {
        "totalQuantity": None if row.quantity is None else text_of(row.quantity),
        "recordCount": row.points,
        "unit": row.unit,
        "aggregationType": "sum" if row.level is None else "last",
    }
