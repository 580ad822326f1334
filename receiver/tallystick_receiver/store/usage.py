"""The read side of the store: a Question -> rows, exact at the moment of one snapshot."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import asyncpg

from tallystick.semconv import KIND_LEVEL, KIND_SUM
from tallystick_receiver.errors import InvalidQuestion
from tallystick_receiver.holding import Hold, LevelFigures
from tallystick_receiver.identity import org_id_of, project_id_of
from tallystick_receiver.question import Question, matches
from tallystick_receiver.ranges import Range, Ranges, ranges_of
from tallystick_receiver.store.integrals import read_integrals
from tallystick_receiver.store.join_kinds import KINDS_OF_A_ROW, Row, join_kinds
from tallystick_receiver.store.retention import dropped_before
from tallystick_receiver.store.statements import statement

if TYPE_CHECKING:
    from tallystick_receiver.store.database import Database

_WIDE: Final = Context(prec=2000)
"""Decimal's own + rounds to 28 digits; a sum of 64-bit mantissas has more."""
_NOTHING: Final = (datetime(1970, 1, 1, tzinfo=UTC),) * 2
_PROJECT_NEEDS_ORG: Final = "projectId needs orgId: a project's name means something within its organisation only"


class _Group(NamedTuple):
    """What a row is grouped by."""

    org: str | None
    project: str | None
    metric_id: int
    bucket: datetime | None
    dimensions: tuple[str | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRow:
    """Usage of one metric in one group.

    For a level, `quantity` is the last sample, and None where an earlier one held and no other came.
    """

    metric: str
    unit: str
    org: str | None
    project: str | None
    bucket: datetime | None
    dimensions: tuple[str | None, ...]
    quantity: Decimal | None
    points: int
    level: LevelFigures | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """The answer to a question."""

    rows: list[UsageRow]
    totals: list[UsageRow]


async def read_usage(database: Database, question: Question, hold: Hold, rows_max: int) -> Usage:
    """All usage that is committed, rolled up or not, late or not.

    Args:
        database: where.
        question: what.
        hold: how long samples of levels hold.
        rows_max: rows in the answer at most.

    Raises:
        InvalidQuestion: the answer has more than `rows_max` rows, needs what was dropped, or names a time zone that
            PostgreSQL does not know.
        Unavailable: the database is out of reach.
    """
    if question.project is not None and question.org is None:
        raise InvalidQuestion(_PROJECT_NEEDS_ORG)
    async with (
        database.reading() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        kept_from = await dropped_before(connection)
        metrics = {row["metric_id"]: row for row in await connection.fetch(statement("read_metrics"))}
        chosen = {i: m for i, m in metrics.items() if matches(m["key"], question.types)}
        orgs = (
            [org_id_of(question.org)]
            if question.org is not None
            else [row["org_id"] for row in await connection.fetch(statement("read_org_ids"))]
        )
        try:
            found = await _read_sums(connection, question, orgs, chosen, rows_max, kept_from)
            levels = await _read_levels(connection, question, orgs, chosen, rows_max, kept_from, hold)
            whole = replace(question, group_by=("type",))
            level_totals = levels
            if levels and question.group_by != whole.group_by:
                level_totals = await _read_levels(connection, whole, orgs, chosen, rows_max, kept_from, hold)
        except asyncpg.InvalidParameterValueError as error:
            raise InvalidQuestion(str(error)) from None
    if len(found) + len(levels) > rows_max:
        raise InvalidQuestion(f"the answer has more than {rows_max} rows: ask for a shorter window or fewer groups")
    sums = [_row(r, metrics) for r in found]
    return Usage(rows=sums + levels, totals=_totals(sums) + level_totals)


async def read_rows(
    connection: asyncpg.Connection,
    question: Question,
    orgs: list[int],
    metrics: dict[int, Any],
    hold: Hold,
    rows_max: int,
    *,
    integrals: bool,
) -> list[UsageRow]:
    """Rows of chosen organisations and metrics, in the snapshot of the caller's transaction.

    Args:
        connection: in a transaction.
        question: its organisation, if any, only says whose project is meant.
        orgs: ids.
        metrics: key, unit and kind by id.
        hold: how long samples of levels hold.
        rows_max: rows at most.
        integrals: whether levels need their averages; without, only their samples are read.

    Raises:
        InvalidQuestion: the window needs what was dropped.
    """
    kept_from = await dropped_before(connection)
    sums = [_row(row, metrics) for row in await _read_sums(connection, question, orgs, metrics, rows_max, kept_from)]
    return sums + await _read_levels(
        connection, question, orgs, metrics, rows_max, kept_from, hold, integrals=integrals
    )


async def _read_sums(
    connection: asyncpg.Connection,
    question: Question,
    orgs: list[int],
    metrics: dict[int, Any],
    rows_max: int,
    kept_from: dict[str, datetime],
) -> list[Row]:
    ids = [i for i, m in metrics.items() if m["kind"] != KIND_LEVEL]
    if not ids or not orgs:
        return []
    if any(metrics[i]["kind"] != KIND_SUM for i in ids):
        rows_max *= KINDS_OF_A_ROW
    by_dims = bool(question.dimensions or question.filters)
    ranges = ranges_of(question.start, question.end, question.unit, question.zone, hourly=not by_dims)
    _refuse_dropped(ranges, kept_from)
    if by_dims:
        arguments = (
            *_common(question, orgs, ids, ranges),
            *_by_dims(question, ranges),
            rows_max + 1,
        )
        return join_kinds(await connection.fetch(statement("read_usage_by_dims"), *arguments), metrics)
    arguments = (
        *_common(question, orgs, ids, ranges),
        *_columns(ranges.hours),
        *_columns(ranges.days),
        rows_max + 1,
    )
    return join_kinds(await connection.fetch(statement("read_usage_totals"), *arguments), metrics)


async def _read_levels(
    connection: asyncpg.Connection,
    question: Question,
    orgs: list[int],
    metrics: dict[int, Any],
    rows_max: int,
    kept_from: dict[str, datetime],
    hold: Hold,
    *,
    integrals: bool = True,
) -> list[UsageRow]:
    """Samples from the coarsest rollup, integrals from quarters: rows that either knows of."""
    ids = [i for i, m in metrics.items() if m["kind"] == KIND_LEVEL]
    if not ids or not orgs:
        return []
    ranges = ranges_of(question.start, question.end, question.unit, question.zone, hourly=False)
    _refuse_dropped(ranges, kept_from)
    arguments = (*_common(question, orgs, ids, ranges), *_by_dims(question, ranges), rows_max + 1)
    sampled = {_group(row): row for row in await connection.fetch(statement("read_levels"), *arguments)}
    quarters_from = kept_from["usage_quarter_hourly"]
    integrated: dict[_Group, asyncpg.Record] = {}
    if integrals:
        rows = await read_integrals(
            connection, question, orgs, ids, hold=hold, quarters_from=quarters_from, rows_max=rows_max + 1
        )
        integrated = {_group(row): row for row in rows}
    return [
        _level_row(
            sampled.get(group), integrated.get(group), metrics,
            is_kept=integrals and max(question.start, group.bucket or question.start) >= quarters_from,
        )
        for group in sampled | integrated
    ]  # fmt: skip


def _group(row: asyncpg.Record) -> _Group:
    return _Group(row["org"], row["project"], row["metric_id"], row["bucket"], tuple(row["dimensions"]))


def _level_row(
    sampled: asyncpg.Record | None, integrated: asyncpg.Record | None, metrics: dict[int, Any], *, is_kept: bool
) -> UsageRow:
    """One row of both halves; at least one of them is there."""
    some = sampled or integrated
    assert some is not None  # noqa: S101 - the group is in one of them
    metric = metrics[some["metric_id"]]
    integral, covered_ns = (integrated["integral"], integrated["covered"]) if integrated else (Decimal(0), 0)
    if not is_kept or integral is None:
        integral, covered_ns = None, None
    figures = LevelFigures(
        lowest=sampled and sampled["lowest"], highest=sampled and sampled["highest"], integral=integral,
        covered_ns=covered_ns,
    )  # fmt: skip
    return UsageRow(
        metric=metric["key"], unit=metric["unit"], org=some["org"], project=some["project"], bucket=some["bucket"],
        dimensions=tuple(some["dimensions"]), quantity=sampled and sampled["quantity"],
        points=sampled["points"] if sampled else 0, level=figures,
    )  # fmt: skip


def _refuse_dropped(ranges: Ranges, kept_from: dict[str, datetime]) -> None:
    """A window that needs what was dropped has no exact answer; the sentence says which one has."""
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
    project = (
        project_id_of(question.org, question.project)
        if question.org is not None and question.project is not None
        else None
    )
    return (
        orgs, metric_ids, project, question.unit, question.zone.key, "org" in question.group_by,
        "project" in question.group_by, *ranges.deltas, *_edges(ranges.points), *_columns(ranges.quarters),
    )  # fmt: skip


def _by_dims(question: Question, ranges: Ranges) -> tuple[object, ...]:
    return (*_columns(ranges.days), list(question.dimensions), json.dumps(question.filters))


def _edges(ranges: list[Range]) -> tuple[datetime, ...]:
    """Two ranges as four times: the planner sees constants and looks at their partitions only."""
    first, second = [*ranges, _NOTHING, _NOTHING][:2]
    return (*first, *second)


def _columns(ranges: list[Range]) -> tuple[list[datetime], list[datetime]]:
    return [lower for lower, _ in ranges], [upper for _, upper in ranges]


def _row(row: Row, metrics: dict[int, Any]) -> UsageRow:
    metric = metrics[row["metric_id"]]
    return UsageRow(
        metric=metric["key"], unit=metric["unit"], org=row["org"], project=row["project"], bucket=row["bucket"],
        dimensions=tuple(row["dimensions"]), quantity=row["quantity"], points=row["points"], level=None,
    )  # fmt: skip


def _totals(rows: list[UsageRow]) -> list[UsageRow]:
    """Sums add up exactly."""
    totals: dict[tuple[str, str], UsageRow] = {}
    for row in rows:
        if row.quantity is None:
            continue
        before = totals.get((row.metric, row.unit))
        quantity, points = (before.quantity or Decimal(0), before.points) if before else (Decimal(0), 0)
        totals[row.metric, row.unit] = replace(
            row, org=None, project=None, bucket=None, dimensions=(), quantity=_WIDE.add(quantity, row.quantity),
            points=points + row.points,
        )  # fmt: skip
    return list(totals.values())
