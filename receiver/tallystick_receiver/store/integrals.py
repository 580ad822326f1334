"""Levels integrated over time, exact at the moment of one snapshot."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tallystick_receiver.holding import Hold, HoldRanges, hold_ranges, ns_of
from tallystick_receiver.identity import project_id_of
from tallystick_receiver.question import Question
from tallystick_receiver.ranges import QUARTER, Range, WholeDays
from tallystick_receiver.store.scene import cut_columns
from tallystick_receiver.store.statements import statement

if TYPE_CHECKING:
    import asyncpg

_NOTHING: Final = (datetime.fromisoformat("1970-01-01T00:00:00Z"),) * 2
_Column = list[int | datetime | Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class LateQuarters:
    """Columns: quarters whose rollup is not to be read, and their samples instead."""

    org_ids: _Column
    quarters: _Column
    dims_ids: _Column
    samples: tuple[_Column, _Column, _Column, _Column]


async def integrals_statement(
    connection: asyncpg.Connection,
    question: Question,
    orgs: list[int],
    metric_ids: list[int],
    *,
    hold: Hold,
    quarters_from: datetime,
    whole: WholeDays | None,
    rows_max: int | None,
    totals: bool = False,
) -> tuple[str, tuple[object, ...]]:
    """What reads integral (unit times ns) and covered time (ns) of each row that is covered at all.

    Args:
        connection: in a transaction of one snapshot.
        question: what is asked.
        orgs: ids.
        metric_ids: of levels.
        hold: how long samples hold.
        quarters_from: older quarters were dropped: rows that begin before it are short and not to be shown.
        whole: the days of the window that may be read as such; None: none.
        rows_max: rows at most; None: all.
        totals: whether totals of each metric come first, beside `rows_max`.

    Returns:
        The name of the statement, and its parameters.
    """
    ranges = hold_ranges(question.start, question.end, hold, quarters_from, whole)
    late = await _late_quarters(connection, orgs, metric_ids, ranges, hold)
    arguments = integral_arguments(question, orgs, metric_ids, ranges, hold, late, rows_max, whole, totals=totals)
    return "read_integrals", arguments


def integral_arguments(
    question: Question, orgs: list[int], metric_ids: list[int], ranges: HoldRanges, hold: Hold, late: LateQuarters,
    rows_max: int | None, whole: WholeDays | None = None, *, totals: bool = False,
) -> tuple[object, ...]:  # fmt: skip
    """The parameters of read_integrals.sql."""
    project = None
    if question.org is not None and question.project is not None:
        project = project_id_of(question.org, question.project)
    limit = None if rows_max is None else rows_max + totals * len(metric_ids)
    first, second = [*ranges.points, _NOTHING, _NOTHING][:2]
    return (
        orgs, metric_ids, project, question.unit, question.zone.key, "org" in question.group_by,
        "project" in question.group_by, list(question.dimensions), json.dumps(question.filters),
        ns_of(question.start), min(ns_of(question.end), hold.now_ns), hold.ns, *_bounds(ranges.ragged), *first, *second,
        *ranges.days, late.org_ids, late.quarters, late.dims_ids, *late.samples, limit, *ranges.whole, totals,
        *cut_columns(whole),
    )  # fmt: skip


def no_late_quarters() -> LateQuarters:
    """Everything came in order."""
    return LateQuarters(org_ids=[], quarters=[], dims_ids=[], samples=([], [], [], []))


def _bounds(ranges: list[Range]) -> tuple[list[datetime], list[datetime]]:
    return [lower for lower, _ in ranges], [upper for _, upper in ranges]


async def _late_quarters(
    connection: asyncpg.Connection, orgs: list[int], metric_ids: list[int], ranges: HoldRanges, hold: Hold
) -> LateQuarters:
    """What the rollups cannot say yet, from the points; a quarter at a time, so that one partition is read."""
    late = no_late_quarters()
    rows = await connection.fetch(statement("read_overlaps"), orgs, metric_ids, *_bounds(ranges.quarters), hold.now_ns)
    for quarter, found in itertools.groupby(rows, lambda row: row["quarter"]):
        of_quarter = [(row["org_id"], row["dims_id"]) for row in found]
        org_ids, dims_ids = zip(*of_quarter, strict=True)
        samples = await connection.fetch(statement("read_samples"), quarter, quarter + QUARTER, org_ids, dims_ids)
        late.org_ids.extend(org_ids)
        late.dims_ids.extend(dims_ids)
        late.quarters.extend([quarter] * len(of_quarter))
        for column, name in zip(late.samples, ("org_id", "dims_id", "ns", "quantity"), strict=True):
            column.extend(row[name] for row in samples)
    return late
