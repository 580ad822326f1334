"""What every question needs to know of one snapshot, and which statement with which parameters answers it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from tallystick.semconv import KIND_LEVEL, KIND_SUM
from tallystick_receiver.errors import InvalidQuestion
from tallystick_receiver.identity import org_id_of, project_id_of
from tallystick_receiver.question import Question, matches
from tallystick_receiver.ranges import Range, Ranges, WholeDays, outside, ranges_of, whole_days
from tallystick_receiver.store.join_kinds import KINDS_OF_A_ROW
from tallystick_receiver.store.retention import dropped_before
from tallystick_receiver.store.statements import statement

if TYPE_CHECKING:
    from tallystick_receiver.store.database import Database

_NOTHING: Final = (datetime(1970, 1, 1, tzinfo=UTC),) * 2
PROJECT_NEEDS_ORG: Final = "projectId needs orgId: a project's name means something within its organisation only"

Statement = tuple[str, tuple[object, ...]]
"""The name of a statement, and its parameters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One snapshot, and what is chosen of it.

    Attributes:
        connection: in a transaction of one snapshot.
        kept_from: until when each relation was dropped.
        metrics: key, unit and kind of the metrics that are asked for, by id.
        orgs: the ids of the organisations that are asked for.
    """

    connection: asyncpg.Connection
    kept_from: dict[str, datetime]
    metrics: dict[int, Any]
    orgs: list[int]
    sum_ids: list[int] = field(init=False)
    level_ids: list[int] = field(init=False)

    def __post_init__(self) -> None:
        levels = [i for i, m in self.metrics.items() if m["kind"] == KIND_LEVEL]
        object.__setattr__(self, "level_ids", levels)
        object.__setattr__(self, "sum_ids", [i for i in self.metrics if i not in set(levels)])


@asynccontextmanager
async def snapshot(database: Database, question: Question) -> AsyncIterator[Scene]:
    """A snapshot on a pooled connection; what is asked wrongly is said when it is left.

    Raises:
        InvalidQuestion: it needs what was dropped, or names a time zone that PostgreSQL does not know.
        Unavailable: the database is out of reach.
    """
    async with (
        database.reading() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        with_scene = await scene_of(connection, question)
        try:
            yield with_scene
        except asyncpg.InvalidParameterValueError as error:
            raise InvalidQuestion(str(error)) from None


async def scene_of(connection: asyncpg.Connection, question: Question) -> Scene:
    """What is chosen of a connection's snapshot.

    Raises:
        InvalidQuestion: a project without its organisation.
    """
    if question.project is not None and question.org is None:
        raise InvalidQuestion(PROJECT_NEEDS_ORG)
    kept_from = await dropped_before(connection)
    metrics = await connection.fetch(statement("read_metrics"))
    orgs = (
        [org_id_of(question.org)]
        if question.org is not None
        else [row["org_id"] for row in await connection.fetch(statement("read_org_ids"))]
    )
    chosen = {row["metric_id"]: row for row in metrics if matches(row["key"], question.types)}
    return Scene(connection=connection, kept_from=kept_from, metrics=chosen, orgs=orgs)


def sums_statement(scene: Scene, question: Question, rows_max: int | None) -> Statement | None:
    """What reads sums and histograms; None where there are none.

    Args:
        scene: what is chosen.
        question: what is asked.
        rows_max: rows of an answer (of which each may be joined of several); None: all.

    Raises:
        InvalidQuestion: the window needs what was dropped.
    """
    if not scene.sum_ids or not scene.orgs:
        return None
    if rows_max is not None and any(scene.metrics[i]["kind"] != KIND_SUM for i in scene.sum_ids):
        rows_max *= KINDS_OF_A_ROW
    limit = None if rows_max is None else rows_max + 1
    by_dims = bool(question.dimensions or question.filters)
    ranges = ranges_of(question.start, question.end, question.unit, question.zone, hourly=not by_dims)
    refuse_dropped(ranges, scene.kept_from)
    common = _common(question, scene.orgs, scene.sum_ids, ranges)
    if by_dims:
        return "read_usage_by_dims", (*common, *_by_dims(question, ranges), limit)
    return "read_usage_totals", (*common, *columns(ranges.hours), *columns(ranges.days), limit)


def samples_statement(
    scene: Scene, question: Question, rows_max: int | None, whole: WholeDays | None = None, *, totals: bool = False
) -> Statement | None:
    """What reads samples of levels; None where there are no levels.

    Args:
        scene: what is chosen.
        question: what is asked.
        rows_max: as of `sums_statement`.
        whole: the days of the window that may be read as such; None: none.
        totals: whether totals of each metric come first, beside `rows_max`.

    Raises:
        InvalidQuestion: the window needs what was dropped.
    """
    if not scene.level_ids or not scene.orgs:
        return None
    ranges = ranges_of(question.start, question.end, question.unit, question.zone, hourly=False)
    refuse_dropped(ranges, scene.kept_from)
    days = (question.start, question.start) if whole is None or ranges.days else whole.days
    common = _common(question, scene.orgs, scene.level_ids, replace(ranges, quarters=outside(ranges.quarters, days)))
    limit = None if rows_max is None else rows_max + 1 + totals * len(scene.level_ids)
    return "read_levels", (*common, *_by_dims(question, ranges), limit, totals, *days, *cut_columns(whole))


async def read_whole_days(scene: Scene, question: Question) -> WholeDays:
    """Days in UTC that a question about levels contains whole, and where its buckets begin within them.

    None where one begins elsewhere than at a full hour: figures within a day are kept by hour.

    Raises:
        asyncpg.InvalidParameterValueError: PostgreSQL does not know the time zone.
    """
    days = whole_days(question.start, question.end, question.unit)
    if not scene.level_ids or question.unit is None or question.zone.key == "UTC" or days[0] == days[1]:
        return WholeDays(days=days, cuts={})
    rows = await scene.connection.fetch(statement("read_cuts"), question.unit, question.zone.key, *days)
    if any(row["hour"] is None for row in rows):
        return WholeDays(days=(days[0], days[0]), cuts={})
    return WholeDays(days=days, cuts={row["day"]: row["hour"] for row in rows})


def cut_columns(whole: WholeDays | None) -> tuple[list[datetime], list[int]]:
    """Days that are cut, and before which hour."""
    return ([], []) if whole is None else (list(whole.cuts), list(whole.cuts.values()))


def refuse_dropped(ranges: Ranges, kept_from: dict[str, datetime]) -> None:
    """A window that needs what was dropped has no exact answer; the sentence says which one has.

    Raises:
        InvalidQuestion: so it does.
    """
    for relation, needed, ask in (
        ("usage_point", ranges.points, "begin and end it at full quarters of an hour"),
        ("usage_quarter_hourly", ranges.quarters, "begin and end it at midnight UTC, and group by days of UTC"),
        ("usage_total_hourly", ranges.hours, "begin and end it at midnight UTC, and group by days of UTC"),
        ("usage_daily", ranges.days, "begin it then"),
    ):
        oldest = kept_from[relation]
        if any(lower < oldest for lower, _ in needed):
            raise InvalidQuestion(
                f"the window reaches before {oldest.date()}, from when on usage is kept that finely: {ask}"
            )


def _common(question: Question, orgs: list[int], metric_ids: list[int], ranges: Ranges) -> tuple[object, ...]:
    return (
        orgs, metric_ids, project_of(question), question.unit, question.zone.key, "org" in question.group_by,
        "project" in question.group_by, *ranges.deltas, *edges(ranges.points), *columns(ranges.quarters),
    )  # fmt: skip


def project_of(question: Question) -> int | None:
    """The id of the only project that is asked for."""
    if question.org is None or question.project is None:
        return None
    return project_id_of(question.org, question.project)


def _by_dims(question: Question, ranges: Ranges) -> tuple[object, ...]:
    return (*columns(ranges.days), list(question.dimensions), json.dumps(question.filters))


def edges(ranges: list[Range]) -> tuple[datetime, ...]:
    """Two ranges as four times: the planner sees constants and looks at their partitions only."""
    first, second = [*ranges, _NOTHING, _NOTHING][:2]
    return (*first, *second)


def columns(ranges: list[Range]) -> tuple[list[datetime], list[datetime]]:
    """Ranges as two columns."""
    return [lower for lower, _ in ranges], [upper for _, upper in ranges]
