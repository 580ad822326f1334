"""Who causes what: figures of all subjects of cost, and the costliest of them, reckoned in the database."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from tallystick_receiver.costs import CostRow
from tallystick_receiver.distribution import THOUSANDTHS, Mark, Spread
from tallystick_receiver.pricing import State
from tallystick_receiver.store.costs import Costs, fetch_costs, read_unpriced, snapshot_of_costs, with_state

if TYPE_CHECKING:
    import asyncpg

    from tallystick_receiver.question import Question
    from tallystick_receiver.store.database import Database

BEFORE: Final = timedelta(weeks=4)
"""What a subject's cost is compared with."""
_ANYBODY: Final = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One group and what it costs in one currency.

    Attributes:
        before: what it cost in the four weeks before the window; 0 where nothing is known of it.
    """

    currency: str
    org: str | None
    project: str | None
    dimensions: tuple[str, ...]
    cost: Decimal
    before: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subjects:
    """The answer to who causes what.

    Attributes:
        costs: the sums that subjects are parts of; of the dimensions only whether they are known.
        models: what has no price, by model; empty where everything has.
        spreads: by currency.
        costliest: of each currency, from the top.
    """

    costs: Costs
    models: list[CostRow]
    spreads: dict[str, Spread]
    costliest: list[Subject]


async def read_subjects(
    database: Database, question: Question, now: datetime, *, costliest: int = 0, with_before: bool = False
) -> Subjects:
    """Subjects of cost, however many there are: what comes back is bounded.

    Args:
        database: where.
        question: its groups are the subjects; units of time are not among them.
        now: see `read_costs`.
        costliest: how many of each currency are named.
        with_before: whether these are read for the four weeks before, too.

    Raises:
        InvalidQuestion: a project is asked for without its organisation.
        Unavailable: the database is out of reach.
    """
    async with snapshot_of_costs(database, question) as (connection, orgs):
        found = await subjects_in(connection, question, orgs, now, costliest=costliest)
        if with_before and found.costliest:
            named = await _with_before(connection, question, orgs, found.costliest)
            found = replace(found, costliest=named)
    return found


async def subjects_in(
    connection: asyncpg.Connection, question: Question, orgs: Sequence[int], now: datetime, *, costliest: int = 0
) -> Subjects:
    """The same of chosen organisations, in the snapshot of the caller's transaction."""
    [found] = await fetch_costs(connection, "read_cost_subjects", question, orgs, None, list(THOUSANDTHS), costliest)
    lines = [_line(row) for row in _rows(found["lines"])]
    return Subjects(
        costs=await with_state(connection, question, orgs, lines, now),
        models=await read_unpriced(connection, question, orgs, lines), spreads=_spreads(found),
        costliest=[_subject(row) for row in _rows(found["costliest"])],
    )  # fmt: skip


async def _with_before(
    connection: asyncpg.Connection, question: Question, orgs: Sequence[int], subjects: list[Subject]
) -> list[Subject]:
    earlier = replace(question, start=question.start - BEFORE, end=question.start)
    names = sorted({_name(one.org, one.project, one.dimensions) for one in subjects})
    found = await fetch_costs(connection, "read_costs_of_subjects", earlier, orgs, None, names)
    before = {(row["currency"], row["org"], row["project"], tuple(row["dimensions"])): row["cost"] for row in found}
    return [
        replace(one, before=before.get((one.currency, one.org, one.project, one.dimensions), Decimal(0)))
        for one in subjects
    ]


def _name(org: str | None, project: str | None, dimensions: Sequence[str]) -> str:
    """As PostgreSQL writes it."""
    return json.dumps([org, project, list(dimensions)], ensure_ascii=False)


def _rows(text: str | None) -> list[dict[str, Any]]:
    """JSON of PostgreSQL, in which numbers are exact."""
    found: list[dict[str, Any]] = json.loads(text or "[]", parse_float=Decimal, parse_int=Decimal)
    return found


def _subject(row: dict[str, Any]) -> Subject:
    return Subject(
        currency=row["currency"], org=row["org"], project=row["project"], dimensions=tuple(row["dimensions"]),
        cost=row["cost"],
    )  # fmt: skip


def _line(row: dict[str, Any]) -> CostRow:
    is_unattributed = row.pop("is_unattributed")
    dimensions = (None if is_unattributed else _ANYBODY,)
    return CostRow(**{**row, "state": State(row["state"])}, org=None, project=None, bucket=None, dimensions=dimensions)


def _spreads(found: asyncpg.Record) -> dict[str, Spread]:
    marks: dict[str, dict[int, Mark]] = {}
    for row in _rows(found["marks"]):
        mark = Mark(int(row["place"]), row["cost"], row["running"])
        marks.setdefault(row["currency"], {})[int(row["thousandths"])] = mark
    return {
        row["currency"]: Spread(**{**row, "subjects": int(row["subjects"])}, marks=marks[row["currency"]])
        for row in _rows(found["spreads"])
    }
