"""GET /api/v1/usage/summary: one metric of one subject in one period (design section 4), as its definition counts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from tallystick.quantity import text_of
from tallystick_receiver.access import USAGE
from tallystick_receiver.definitions import Aggregation, Figures, SeenMetric, metrics_read_by, unit_of, used
from tallystick_receiver.errors import InvalidQuestion
from tallystick_receiver.periods import Period, Reset, period_of
from tallystick_receiver.query.json_answer import rfc3339
from tallystick_receiver.query.params import Words, time_of
from tallystick_receiver.query.problem import answer
from tallystick_receiver.store.definitions import definition_for
from tallystick_receiver.store.distinct import read_distinct, unkept
from tallystick_receiver.store.figures import joined
from tallystick_receiver.store.scene import snapshot
from tallystick_receiver.store.usage import read_rows

if TYPE_CHECKING:
    from datetime import datetime

    from aiohttp import web

    from tallystick_receiver.definitions import MetricDefinition
    from tallystick_receiver.query.asking import Caller, Desk
    from tallystick_receiver.question import Question
    from tallystick_receiver.store.scene import Scene

CURRENT: Final = "current"
_WORDS: Final = Words(
    start=None, end=None, group_by=None, type=None, also=("metricKey", "periodType", "periodStart", "unit")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Summary:
    """What was found, and of what unit."""

    figures: Figures
    unit: str


class SummaryRoutes:
    """How much one subject used of one metric in one period."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the route."""
        router.add_get("/api/v1/usage/summary", self.summary)

    async def summary(self, request: web.Request) -> web.Response:
        """The sum of a period, or whatever else the metric's definition says."""
        caller = await self._desk.caller(request, USAGE)
        asked = self._desk.question(request, caller, _WORDS)
        key = (request.query.get("metricKey") or "").lower()
        if not key or key.endswith("*"):
            raise InvalidQuestion("metricKey must name one metric")
        async with self._desk.database.reading() as connection:
            definition = await definition_for(connection, caller.now, key, asked.org)
        kind, period = _period(request, asked, definition, caller.now)
        question = replace(asked, types=(key,), start=period.start, end=period.end)
        completeness = await self._desk.completeness(question, caller)
        found = await self._read(question, caller, definition, request.query.get("unit"))
        return answer({
            "metricKey": key,
            "subjectType": request.query.get("subjectType") or None,
            "subjectId": request.query.get("subjectId") or None,
            "periodType": kind,
            "periodStart": rfc3339(period.start),
            "periodEnd": None if period.resets_at is None else rfc3339(period.end),
            **_content(definition, found),
            "completeness": completeness,
        })  # fmt: skip

    async def _read(
        self, question: Question, caller: Caller, definition: MetricDefinition | None, unit: str | None
    ) -> _Summary | None:
        """Figures of the metric's one unit; None for a metric that nobody defined or used."""
        async with snapshot(self._desk.database, question) as scene:
            if definition is None:
                return None
            metrics = _metrics(scene, definition, unit)
            chosen = replace(scene, metrics={m.metric_id: scene.metrics[m.metric_id] for m in metrics})
            averages = definition.aggregation is Aggregation.AVG
            figures = Figures()
            for row in await read_rows(chosen, question, caller.hold, self._desk.rows_max, integrals=averages):
                figures = joined(figures, row)
            if definition.unique is not None:
                figures = replace(figures, distinct=await _distinct(chosen, question, definition, caller.now))
        return _Summary(figures=figures, unit=unit_of(definition, metrics) if metrics else unit or definition.unit)


def _period(
    request: web.Request, asked: Question, definition: MetricDefinition | None, now: datetime
) -> tuple[str, Period]:
    """The kind of period as it was asked for, and the period that holds `periodStart`, or now."""
    kind = (request.query.get("periodType") or CURRENT).lower()
    if kind != CURRENT and kind not in list(Reset):
        raise InvalidQuestion(f"periodType must be one of {', '.join(Reset)}, {CURRENT}, not {kind[:60]!r}")
    text = request.query.get("periodStart")
    if text and kind == CURRENT:
        raise InvalidQuestion("the current period begins when it begins: leave periodStart out")
    reset = Reset(kind) if kind != CURRENT else definition.reset if definition else Reset.MONTHLY
    return kind, period_of(time_of(text, asked.zone, "periodStart") if text else now, reset, asked.zone)


def _metrics(scene: Scene, definition: MetricDefinition, unit: str | None) -> list[SeenMetric]:
    """What the definition reads, or of a unit that is asked for.

    Raises:
        InvalidQuestion: the key came in several units, of which nobody chose one that came.
    """
    seen = [SeenMetric(**dict(row)) for row in scene.metrics.values()]
    if unit is not None:
        return [metric for metric in seen if metric.unit == unit]
    units = sorted({metric.unit for metric in seen})
    found = metrics_read_by(definition, seen)
    if seen and (not found or (definition.is_seen and len(units) > 1)):
        raise InvalidQuestion(f"the metric comes in several units, which do not add up: choose unit= of {units}")
    return found


async def _distinct(
    scene: Scene, question: Question, definition: MetricDefinition, now: datetime
) -> dict[str, int | None]:
    dimension = definition.unique or ""
    if await unkept(scene, definition.key, dimension, question, [question.org], now):
        return {dimension: None}
    return {dimension: sum((await read_distinct(scene, question, list(scene.metrics), dimension)).values())}


def _content(definition: MetricDefinition | None, found: _Summary | None) -> dict[str, Any]:
    if definition is None or found is None:
        return {"totalQuantity": "0", "recordCount": 0, "unit": None, "aggregationType": None}
    total = used(definition, found.figures)
    return {
        "totalQuantity": None if total is None else text_of(total),
        "recordCount": found.figures.records,
        "unit": found.unit,
        "aggregationType": definition.aggregation.value,
    }
