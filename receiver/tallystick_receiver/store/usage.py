"""The read side of the store: a Question -> rows, exact at the moment of one snapshot."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import asyncpg

from tallystick_receiver.errors import InvalidQuestion
from tallystick_receiver.holding import Hold, LevelFigures
from tallystick_receiver.question import Question
from tallystick_receiver.store.integrals import integrals_statement
from tallystick_receiver.store.join_kinds import Row, join_kinds
from tallystick_receiver.store.scene import Scene, read_whole_days, samples_statement, snapshot, sums_statement
from tallystick_receiver.store.statements import statement

if TYPE_CHECKING:
    from tallystick_receiver.store.database import Database

_WIDE: Final = Context(prec=2000)
"""Decimal's own + rounds to 28 digits; a sum of 64-bit mantissas has more."""


class _Group(NamedTuple):
    """What a row is grouped by; a total is not."""

    is_total: bool
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
    async with snapshot(database, question) as scene:
        found = join_kinds(await read_sums(scene, question, rows_max), scene.metrics)
        levels, level_totals = await _read_levels(scene, question, rows_max, hold, totals=question.groups_rows)
    refuse_long(len(found) + len(levels), rows_max)
    sums = [sum_row(r, scene.metrics) for r in found]
    return Usage(rows=sums + levels, totals=_totals(sums) + level_totals)


def refuse_long(rows: int, rows_max: int) -> None:
    """An answer that is cut short would be wrong.

    Raises:
        InvalidQuestion: it would be.
    """
    if rows > rows_max:
        raise InvalidQuestion(f"the answer has more than {rows_max} rows: ask for a shorter window or fewer groups")


async def read_rows(scene: Scene, question: Question, hold: Hold, rows_max: int, *, integrals: bool) -> list[UsageRow]:
    """Rows of chosen organisations and metrics, in the snapshot of the caller's transaction.

    Args:
        scene: what is chosen.
        question: its organisation, if any, only says whose project is meant.
        hold: how long samples of levels hold.
        rows_max: rows at most.
        integrals: whether levels need their averages; without, only their samples are read.

    Raises:
        InvalidQuestion: the window needs what was dropped.
    """
    found = join_kinds(await read_sums(scene, question, rows_max), scene.metrics)
    levels, _ = await _read_levels(scene, question, rows_max, hold, integrals=integrals, totals=False)
    return [sum_row(row, scene.metrics) for row in found] + levels


async def read_sums(scene: Scene, question: Question, rows_max: int) -> list[Row]:
    """Sums and histograms, a row for each metric and group.

    Args:
        scene: a snapshot.
        question: what.
        rows_max: see `sums_statement`.

    Raises:
        InvalidQuestion: the window needs what was dropped.
    """
    wanted = sums_statement(scene, question, rows_max)
    if wanted is None:
        return []
    name, arguments = wanted
    return list(await scene.connection.fetch(statement(name), *arguments))


async def _read_levels(
    scene: Scene, question: Question, rows_max: int, hold: Hold, *, integrals: bool = True, totals: bool
) -> tuple[list[UsageRow], list[UsageRow]]:
    """Samples from the coarsest rollup, integrals from days and quarters: rows that either knows of, and their totals.

    Without `totals` rows are their own ones.
    """
    whole = await read_whole_days(scene, question)
    wanted = samples_statement(scene, question, rows_max, whole, totals=totals)
    if wanted is None:
        return [], []
    name, arguments = wanted
    sampled = {_group(row): row for row in await scene.connection.fetch(statement(name), *arguments)}
    quarters_from = scene.kept_from["usage_quarter_hourly"]
    integrated: dict[_Group, asyncpg.Record] = {}
    if integrals:
        name, arguments = await integrals_statement(
            scene.connection, question, scene.orgs, scene.level_ids, hold=hold, quarters_from=quarters_from,
            whole=whole, rows_max=rows_max + 1, totals=totals,
        )  # fmt: skip
        integrated = {_group(row): row for row in await scene.connection.fetch(statement(name), *arguments)}
    found = {
        group: level_row(
            sampled.get(group), integrated.get(group), scene.metrics,
            is_kept=max(question.start, group.bucket or question.start) >= quarters_from,
        )
        for group in sampled | integrated
    }  # fmt: skip
    rows = [row for group, row in found.items() if not group.is_total]
    return rows, [row for group, row in found.items() if group.is_total] if totals else rows


def _group(row: asyncpg.Record) -> _Group:
    return _Group(
        row["is_total"], row["org"], row["project"], row["metric_id"], row["bucket"], tuple(row["dimensions"] or ())
    )


def level_row(
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
        dimensions=tuple(some["dimensions"] or ()), quantity=sampled and sampled["quantity"],
        points=sampled["points"] if sampled else 0, level=figures,
    )  # fmt: skip


def sum_row(row: Row, metrics: dict[int, Any]) -> UsageRow:
    """A row that is no level's."""
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
