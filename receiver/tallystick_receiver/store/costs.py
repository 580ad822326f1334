"""The read side of cost: a question -> rows, exact at the moment of one snapshot."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tallystick_receiver.costs import GROUPS, TOTAL_DIMENSIONS, CostRow, cost_ranges, dimension_of, hours_of
from tallystick_receiver.errors import InvalidQuestion, Unavailable
from tallystick_receiver.focus import Charge
from tallystick_receiver.identity import org_id_of
from tallystick_receiver.pricing import State
from tallystick_receiver.question import matches
from tallystick_receiver.store.database import PASSING, READING, set_locally
from tallystick_receiver.store.scene import PROJECT_NEEDS_ORG, edges, project_of
from tallystick_receiver.store.statements import statement, statement_over

if TYPE_CHECKING:
    import asyncpg

    from tallystick_receiver.question import Question
    from tallystick_receiver.store.database import Database


_FETCHED: Final = 1000
_STATES: Final = {state.value: state for state in State}
_KEPT_GROUPS: Final = {"org", "project", "type"} | {
    name for name, dimension in GROUPS.items() if dimension.key in TOTAL_DIMENSIONS or dimension.key.startswith("@")
}
_SUMMING: Final = {"enable_nestloop": "off", "work_mem": "64MB"}
"""Sums over many rows of which the planner guesses too few."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Negative:
    """Usage below nothing: in how many hours of a sender, and by how much together."""

    metric: str
    unit: str
    hours: int
    quantity: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """The answer to a question about cost.

    Attributes:
        rows: by group, state, currency and grade.
        negative: where more was taken out of usage than there was.
        priced_until: everything that is stored of before then is in the rows.
        as_of: when nothing waited to be priced the last time; None: never yet.
    """

    rows: list[CostRow]
    negative: list[Negative]
    priced_until: datetime
    as_of: datetime | None


async def read_costs(database: Database, question: Question, rows_max: int, now: datetime) -> Costs:
    """What usage costs, as far as it is priced.

    Args:
        database: where.
        question: what; its window counts by the hours that begin in it.
        rows_max: rows in the answer at most.
        now: hours that are not over may still be mended by what comes.

    Raises:
        InvalidQuestion: the answer has more than `rows_max` rows, or a project is asked for without its organisation.
        Unavailable: the database is out of reach.
    """
    async with snapshot_of_costs(database, question) as (connection, orgs):
        return await costs_in(connection, question, orgs, rows_max, now)


async def read_costs_and_unpriced(
    database: Database, question: Question, rows_max: int, now: datetime
) -> tuple[Costs, list[CostRow]]:
    """The same, and of one snapshot what has no price, by model. Parameters and errors as of `read_costs`."""
    async with snapshot_of_costs(database, question) as (connection, orgs):
        costs = await costs_in(connection, question, orgs, rows_max, now)
        return costs, await read_unpriced(connection, question, orgs, costs.rows)


@asynccontextmanager
async def snapshot_of_costs(
    database: Database, question: Question
) -> AsyncIterator[tuple[asyncpg.Connection, list[int]]]:
    """One snapshot, and the organisations that are asked for.

    Raises:
        InvalidQuestion: a project is asked for without its organisation.
        Unavailable: the database is out of reach.
    """
    async with (
        database.reading() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        yield connection, await orgs_of(connection, question)


async def costs_in(
    connection: asyncpg.Connection, question: Question, orgs: Sequence[int], rows_max: int, now: datetime
) -> Costs:
    """Costs of chosen organisations, in the snapshot of the caller's transaction.

    Raises:
        InvalidQuestion: the answer has more than `rows_max` rows.
    """
    rows = await read_cost_rows(connection, question, orgs, rows_max + 1)
    if len(rows) > rows_max:
        raise InvalidQuestion(f"the answer has more than {rows_max} rows: ask for a shorter window or fewer groups")
    return await with_state(connection, question, orgs, rows, now)


async def read_unpriced(
    connection: asyncpg.Connection, question: Question, orgs: Sequence[int], rows: Sequence[CostRow]
) -> list[CostRow]:
    """Which models have no price, where these rows say that anything has none."""
    if all(row.cost is not None or row.state is State.SUPERSEDED for row in rows):
        return []
    found = await read_cost_rows(connection, replace(question, group_by=("model",)), orgs, None)
    return [row for row in found if row.cost is None and row.state is not State.SUPERSEDED]


async def with_state(
    connection: asyncpg.Connection, question: Question, orgs: Sequence[int], rows: list[CostRow], now: datetime
) -> Costs:
    """Rows with what else is to be said of their window, in the snapshot of the caller's transaction."""
    start, end = hours_of(question.start, question.end)
    negative = await _negative(connection, question, orgs, now)
    state = await connection.fetchrow(statement("read_cost_state"), orgs, start, end)
    return Costs(
        rows=rows, negative=negative, priced_until=state["waits_from"] or question.end, as_of=state["priced_at"]
    )


async def _negative(
    connection: asyncpg.Connection, question: Question, orgs: Sequence[int], now: datetime
) -> list[Negative]:
    start, end = hours_of(question.start, min(question.end, now))
    metrics = await priced_metrics(connection, question, None)
    rows = await connection.fetch(statement("read_negative_costs"), orgs, start, end, metrics)
    return [Negative(**dict(row)) for row in rows]


@asynccontextmanager
async def exporting_costs(
    database: Database, question: Question, seconds_max: float
) -> AsyncIterator[AsyncIterator[Charge]]:
    """Every row of cost in constant memory, in the order of organisations and hours.

    Args:
        database: where; on a connection of its own.
        question: whose organisation, project, types, window and filters count.
        seconds_max: how long a statement may take.

    Raises:
        InvalidQuestion: a project is asked for without its organisation, or rows of the window were dropped.
        Unavailable: the database is out of reach.
    """
    connection = await database.connect(seconds_max, READING)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            orgs = await orgs_of(connection, question)
            metrics = await priced_metrics(connection, question, hours_of(question.start, question.end)[0])
            yield _charges(connection, question, orgs, metrics)
    except PASSING as error:
        raise Unavailable(f"the database is not available: {str(error) or type(error).__name__}") from error
    finally:
        connection.terminate()


async def _charges(
    connection: asyncpg.Connection, question: Question, orgs: Sequence[int], metrics: list[str]
) -> AsyncIterator[Charge]:
    start, end = hours_of(question.start, question.end)
    cursor = await connection.cursor(
        statement("export_costs"), orgs, start, end, metrics, project_of(question), json.dumps(question.filters)
    )
    while found := await cursor.fetch(_FETCHED):
        for row in found:
            texts = {name: json.loads(row[name]) for name in ("attributes", "resolved")}
            yield Charge(**{**row, **texts})


async def read_cost_rows(
    connection: asyncpg.Connection, question: Question, orgs: Sequence[int], rows_max: int | None
) -> list[CostRow]:
    """Rows of chosen organisations, in the snapshot of the caller's transaction."""
    return [_row(row) for row in await fetch_costs(connection, "read_costs", question, orgs, rows_max)]


async def fetch_costs(
    connection: asyncpg.Connection, name: str, question: Question, orgs: Sequence[int], rows_max: int | None,
    *more: object,
) -> list[asyncpg.Record]:  # fmt: skip
    """What a statement finds that reads costs, or that reckons with them (`/* read_costs */`).

    Args:
        connection: in a transaction; it is set up for sums over many rows.
        name: of the statement.
        question: what.
        orgs: ids of the organisations that are asked for.
        rows_max: rows of cost at most; None: all.
        more: parameters that follow those of `read_costs`.
    """
    ranges = cost_ranges(question)
    metrics = await priced_metrics(connection, question, min((start for start, _ in ranges.hours), default=None))
    await set_locally(connection, _SUMMING)
    dimensions = [dimension_of(group) for group in question.dimensions]
    found: list[asyncpg.Record] = await connection.fetch(
        statement_over(name, "read_costs"), orgs, *edges(ranges.hours), ranges.months, question.unit,
        question.zone.key, metrics, project_of(question),
        "org" in question.group_by, "project" in question.group_by, [d.key for d in dimensions],
        [d.other for d in dimensions], [d.is_resolved for d in dimensions], json.dumps(question.filters), rows_max,
        ranges.user_months, *more,
    )  # fmt: skip
    return found


async def priced_metrics(connection: asyncpg.Connection, question: Question, hours_from: datetime | None) -> list[str]:
    """Metrics that are priced and asked for.

    Args:
        connection: in a snapshot.
        question: whose types count.
        hours_from: from when on rows of single hours are needed; None: none are.

    Raises:
        InvalidQuestion: rows of these hours were dropped.
    """
    rows = await connection.fetch(statement("read_cost_metrics"))
    if rows and hours_from is not None and hours_from < (kept_from := rows[0]["dropped_before"]):
        raise InvalidQuestion(
            f"the window reaches before {kept_from.date()}, from when on cost is kept by the hour: before then ask for"
            f" whole months of UTC, by {', '.join(sorted(_KEPT_GROUPS))} or month"
        )
    return [row["metric"] for row in rows if matches(row["metric"], question.types)]


async def orgs_of(connection: asyncpg.Connection, question: Question) -> list[int]:
    """Ids of the organisations that are asked for.

    Raises:
        InvalidQuestion: a project is asked for without its organisation.
    """
    if question.project is not None and question.org is None:
        raise InvalidQuestion(PROJECT_NEEDS_ORG)
    if question.org is not None:
        return [org_id_of(question.org)]
    return [row["org_id"] for row in await connection.fetch(statement("read_org_ids"))]


def _row(row: asyncpg.Record) -> CostRow:
    org, project, metric, unit, bucket, dimensions, state, *rest, cost, list_cost, billed_cost = row
    return CostRow._make((
        org, project, metric, unit, bucket, tuple(dimensions), _STATES[state], *rest, cost,
        cost if list_cost is None else list_cost, cost if billed_cost is None else billed_cost,
    ))  # fmt: skip
