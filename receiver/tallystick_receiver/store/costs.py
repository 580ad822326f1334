"""The read side of cost: a question -> rows, exact at the moment of one snapshot."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from tallystick_receiver.costs import CostRow, dimension_of, hours_of
from tallystick_receiver.errors import InvalidQuestion
from tallystick_receiver.identity import org_id_of, project_id_of
from tallystick_receiver.pricing import State
from tallystick_receiver.question import matches
from tallystick_receiver.store.scene import PROJECT_NEEDS_ORG
from tallystick_receiver.store.statements import statement

if TYPE_CHECKING:
    import asyncpg

    from tallystick_receiver.question import Question
    from tallystick_receiver.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """The answer to a question about cost.

    Attributes:
        rows: by group, state, currency and grade.
        priced_until: everything that is stored of before then is in the rows.
        as_of: when nothing waited to be priced the last time; None: never yet.
    """

    rows: list[CostRow]
    priced_until: datetime
    as_of: datetime | None


async def read_costs(database: Database, question: Question, rows_max: int) -> Costs:
    """What usage costs, as far as it is priced.

    Args:
        database: where.
        question: what; its window counts by the hours that begin in it.
        rows_max: rows in the answer at most.

    Raises:
        InvalidQuestion: the answer has more than `rows_max` rows, or a project is asked for without its organisation.
        Unavailable: the database is out of reach.
    """
    async with (
        database.reading() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        orgs = await _orgs(connection, question)
        rows = await read_cost_rows(connection, question, orgs, rows_max + 1)
        start, end = hours_of(question.start, question.end)
        state = await connection.fetchrow(statement("read_cost_state"), orgs, start, end)
    if len(rows) > rows_max:
        raise InvalidQuestion(f"the answer has more than {rows_max} rows: ask for a shorter window or fewer groups")
    return Costs(rows=rows, priced_until=state["waits_from"] or question.end, as_of=state["priced_at"])


async def read_cost_rows(
    connection: asyncpg.Connection, question: Question, orgs: Sequence[int], rows_max: int | None
) -> list[CostRow]:
    """Rows of chosen organisations, in the snapshot of the caller's transaction."""
    metrics = [row["metric"] for row in await connection.fetch(statement("read_cost_metrics"))]
    chosen = [metric for metric in metrics if matches(metric, question.types)]
    start, end = hours_of(question.start, question.end)
    if not chosen or not orgs or start >= end:
        return []
    project = None
    if question.project is not None and question.org is not None:
        project = project_id_of(question.org, question.project)
    dimensions = [dimension_of(group) for group in question.dimensions]
    found = await connection.fetch(
        statement("read_costs"), orgs, start, end, question.unit, question.zone.key, chosen, project,
        "org" in question.group_by, "project" in question.group_by, [d.key for d in dimensions],
        [d.other for d in dimensions], [d.is_resolved for d in dimensions], json.dumps(question.filters), rows_max,
    )  # fmt: skip
    return [_row(row) for row in found]


async def _orgs(connection: asyncpg.Connection, question: Question) -> list[int]:
    if question.project is not None and question.org is None:
        raise InvalidQuestion(PROJECT_NEEDS_ORG)
    if question.org is not None:
        return [org_id_of(question.org)]
    return [row["org_id"] for row in await connection.fetch(statement("read_org_ids"))]


def _row(row: asyncpg.Record) -> CostRow:
    return CostRow(**{**row, "state": State(row["state"]), "dimensions": tuple(row["dimensions"])})
