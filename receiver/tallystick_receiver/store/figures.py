"""How much many subjects used in one period: one statement for all of them, from the same rollups as any question."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple
from zoneinfo import ZoneInfo

from tallystick_receiver.definitions import Aggregation, Figures, MetricDefinition, SeenMetric, used
from tallystick_receiver.identity import org_id_of
from tallystick_receiver.question import Question
from tallystick_receiver.store.distinct import Whose, read_distinct, unkept
from tallystick_receiver.store.retention import dropped_before
from tallystick_receiver.store.scene import Scene
from tallystick_receiver.store.usage import read_rows
from tallystick_receiver.thresholds import ORG, PROJECT, dimension_of

if TYPE_CHECKING:
    import asyncpg

    from tallystick_receiver.holding import Hold
    from tallystick_receiver.periods import Period
    from tallystick_receiver.store.usage import UsageRow

_UTC: Final = ZoneInfo("UTC")
_ROWS_MAX: Final = 10_000_000
NOTHING: Final = Figures()


class Reading(NamedTuple):
    """A definition, and the stored metrics that it reads."""

    definition: MetricDefinition
    metrics: Sequence[SeenMetric]


class Used(NamedTuple):
    """Whose usage of what."""

    org: str
    subject: str
    metric: str
    unit: str


async def read_figures(
    connection: asyncpg.Connection, period: Period, subject_type: str, subjects: Iterable[tuple[str, str]],
    reads: Iterable[Reading], hold: Hold, *, kept_from: dict[str, datetime] | None = None,
) -> dict[Used, Figures]:  # fmt: skip
    """What is stored for subjects of one type; who is missing in the answer has used nothing.

    Args:
        connection: in a transaction whose snapshot the answer is of.
        period: whose usage.
        subject_type: org, project, user or a dimension's key.
        subjects: (organisation, subject) pairs.
        reads: which metrics, and how. Averages of levels cost a look at quarters, distinct values one at all sets.
        hold: how long samples of levels hold, for averages.
        kept_from: until when each relation was dropped, where the transaction has read it.

    Raises:
        InvalidQuestion: the period reaches before what is kept.
    """
    pairs = set(subjects)
    dimension = dimension_of(subject_type)
    values = sorted({subject for _, subject in pairs})
    by = () if subject_type == ORG else (PROJECT,) if subject_type == PROJECT else (dimension or "",)
    only = next(iter(pairs)) if len(pairs) == 1 and subject_type == PROJECT else None
    question = Question(
        org=only and only[0], project=only and only[1], types=(), start=period.start, end=period.end, zone=_UTC,
        group_by=("org", *by), filters={} if dimension is None else {dimension: values},
    )  # fmt: skip
    readings = list(reads)
    chosen = {m.metric_id: {"key": m.key, "unit": m.unit, "kind": m.kind} for r in readings for m in r.metrics}
    scene = Scene(
        connection=connection, kept_from=kept_from or await dropped_before(connection), metrics=chosen,
        orgs=sorted({org_id_of(org) for org, _ in pairs}),
    )  # fmt: skip
    averages = any(r.definition.aggregation is Aggregation.AVG for r in readings)
    found: dict[Used, Figures] = {}
    for row in await read_rows(scene, question, hold, _ROWS_MAX, integrals=averages):
        subject = row.org if subject_type == ORG else row.project if subject_type == PROJECT else row.dimensions[0]
        if row.org is not None and subject is not None and (row.org, subject) in pairs:
            key = Used(row.org, subject, row.metric, row.unit)
            found[key] = joined(found.get(key, NOTHING), row)
    await _add_distinct(scene, question, readings, found, hold)
    return found


async def _add_distinct(
    scene: Scene, question: Question, readings: Iterable[Reading], found: dict[Used, Figures], hold: Hold
) -> None:
    """Distinct values of the dimensions whose values count, to the figures of those who used anything."""
    wanted: dict[tuple[str, str], set[int]] = defaultdict(set)
    for one in readings:
        if one.definition.unique is not None:
            wanted[one.definition.key, one.definition.unique] |= {metric.metric_id for metric in one.metrics}
    now = datetime.fromtimestamp(hold.now_ns / 1e9, UTC)
    for (key, dimension), ids in wanted.items():
        mine = [whose for whose in found if whose.metric == key]
        unknown = await unkept(scene, key, dimension, question, {whose.org for whose in mine}, now)
        counts = await read_distinct(scene, question, ids, dimension)
        values = {_used(group, question): count for group, count in counts.items()}
        for whose in mine:
            count = None if whose.org in unknown else values.get(whose, 0)
            found[whose] = replace(found[whose], distinct={**found[whose].distinct, dimension: count})


def _used(whose: Whose, question: Question) -> Used:
    subject = whose.project if PROJECT in question.group_by else whose.dimensions[0] if whose.dimensions else whose.org
    return Used(whose.org or "", subject or "", whose.metric, whose.unit)


def joined(figures: Figures, row: UsageRow) -> Figures:
    """Figures with those of a row, which is of sums or of levels."""
    if row.level is None:
        if figures is NOTHING:
            return Figures(quantity=row.quantity or figures.quantity, count=row.points)
        return replace(figures, quantity=row.quantity or figures.quantity, count=row.points)
    return replace(
        figures, last=row.quantity, lowest=row.level.lowest, highest=row.level.highest, average=row.level.average,
        samples=row.points,
    )  # fmt: skip


def used_of(
    whose: tuple[str, str], definition: MetricDefinition, metrics: Sequence[SeenMetric],
    figures: Mapping[Used, Figures], *, is_seen: bool,
) -> Decimal | None:  # fmt: skip
    """How much of a metric a subject used; None where that is not known.

    Args:
        whose: organisation and subject.
        definition: how its metric is read.
        metrics: what the definition reads.
        figures: what was stored of them.
        is_seen: whether there is any usage of that key, read or not.
    """
    if is_seen and not metrics:
        return None
    unit = metrics[0].unit if metrics else definition.unit
    key = Used(*whose, definition.key, unit)
    return used(definition, figures.get(key, NOTHING))
