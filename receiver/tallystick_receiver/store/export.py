"""All rows of an answer, one after the other: usage of any size in constant memory, from one snapshot.

A window is read in slices of a day (a week, a month, when that is what is grouped by), each through server-side
cursors; without a unit of time it is one slice. Rows come in the order of time, then of their names.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from tallystick_receiver.errors import InvalidQuestion, Unavailable
from tallystick_receiver.ranges import DAY, floor
from tallystick_receiver.store.database import PASSING, READING
from tallystick_receiver.store.integrals import integrals_statement
from tallystick_receiver.store.join_kinds import join_kinds
from tallystick_receiver.store.scene import (
    Scene,
    Statement,
    read_whole_days,
    samples_statement,
    scene_of,
    sums_statement,
)
from tallystick_receiver.store.statements import statement
from tallystick_receiver.store.usage import UsageRow, level_row, sum_row

if TYPE_CHECKING:
    from tallystick_receiver.holding import Hold
    from tallystick_receiver.question import Question
    from tallystick_receiver.store.database import Database

_FETCHED: Final = 1000
_CLOSE_SECONDS: Final = 2.0
_DAYS: Final = {"hour": 1, "day": 1, "week": 7, "month": 32}
_LAST: Final = datetime(9999, 1, 1, tzinfo=UTC)


@asynccontextmanager
async def exporting(database: Database, question: Question, seconds_max: float) -> AsyncIterator[Scene]:
    """A snapshot on a connection of its own; whoever leaves early cancels what the database is doing for it.

    Raises:
        InvalidQuestion: the question names a project without its organisation, or an unknown time zone.
        Unavailable: the database is out of reach.
    """
    connection = await database.connect(seconds_max, READING)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            yield await scene_of(connection, question)
    except asyncpg.InvalidParameterValueError as error:
        raise InvalidQuestion(str(error)) from None
    except PASSING as error:
        raise Unavailable(f"the database is not available: {str(error) or type(error).__name__}") from error
    finally:
        try:
            await connection.close(timeout=_CLOSE_SECONDS)
        except (*PASSING, asyncpg.PostgresError):
            connection.terminate()


async def read_all(scene: Scene, question: Question, hold: Hold) -> AsyncIterator[UsageRow]:
    """Every row, in the order of time, organisation, project, type, unit and dimensions; sums before levels.

    Args:
        scene: see `exporting`.
        question: what; an empty dimension key stands for all dimensions, as JSON.
        hold: how long samples of levels hold.

    Raises:
        InvalidQuestion: before the first row: the window needs what was dropped.
    """
    sums_statement(scene, question, None)
    samples_statement(scene, question, None)
    first = await scene.connection.fetchval(statement("read_first_day"))
    for start, end in slices(question, first):
        part = replace(question, start=start, end=end)
        async for row in _merged(_sums(scene, part), _levels(scene, part, hold)):
            yield row


def slices(question: Question, first: datetime | None) -> Iterator[tuple[datetime, datetime]]:
    """Half-open windows that follow each other, cut where a local day, week or month begins.

    Args:
        question: its window is cut.
        first: before this there is no usage; None: there is none at all.
    """
    if question.unit is None:
        yield question.start, question.end
        return
    days = max(_DAYS[unit] for unit in _DAYS if unit in question.group_by)
    start = max(question.start, floor(first or question.end, DAY) - DAY)
    while start < question.end:
        end = min(_next_border(start, days, question), question.end)
        yield start, end
        start = end


def _next_border(time: datetime, days: int, question: Question) -> datetime:
    local = time.astimezone(question.zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if days == _DAYS["week"]:
        midnight -= timedelta(days=midnight.weekday())
    elif days == _DAYS["month"]:
        midnight = midnight.replace(day=1)
    border = midnight + timedelta(days=days)
    return (border.replace(day=1) if days == _DAYS["month"] else border).astimezone(UTC)


async def _sums(scene: Scene, question: Question) -> AsyncIterator[UsageRow]:
    """Sums and histograms; those that are one row follow each other."""
    group: list[asyncpg.Record] = []
    async for record in _records(scene, sums_statement(scene, question, None)):
        if group and not _is_one_row(group[0], record, scene.metrics):
            for row in join_kinds(group, scene.metrics):
                yield sum_row(row, scene.metrics)
            group = []
        group.append(record)
    for row in join_kinds(group, scene.metrics):
        yield sum_row(row, scene.metrics)


def _is_one_row(one: asyncpg.Record, other: asyncpg.Record, metrics: dict[int, Any]) -> bool:
    first, second = metrics[one["metric_id"]], metrics[other["metric_id"]]
    return (first["key"], first["unit"]) == (second["key"], second["unit"]) and all(
        one[name] == other[name] for name in ("bucket", "org", "project", "dimensions")
    )


async def _levels(scene: Scene, question: Question, hold: Hold) -> AsyncIterator[UsageRow]:
    """Samples and integrals of levels, each in the same order: rows that either knows of."""
    whole = await read_whole_days(scene, question)
    samples = samples_statement(scene, question, None, whole)
    if samples is None:
        return
    quarters_from = scene.kept_from["usage_quarter_hourly"]
    integrals = await integrals_statement(
        scene.connection, question, scene.orgs, scene.level_ids, hold=hold, quarters_from=quarters_from, whole=whole,
        rows_max=None,
    )  # fmt: skip
    sampled, integrated = _records(scene, samples), _records(scene, integrals)
    one, other = await anext(sampled, None), await anext(integrated, None)
    while one is not None or other is not None:
        keys = [None if record is None else _place(record, scene.metrics) for record in (one, other)]
        least = min(key for key in keys if key is not None)
        first, second = (one if keys[0] == least else None), (other if keys[1] == least else None)
        bucket = least[0]
        is_kept = max(question.start, bucket or question.start) >= quarters_from
        yield level_row(first, second, scene.metrics, is_kept=is_kept)
        one = one if first is None else await anext(sampled, None)
        other = other if second is None else await anext(integrated, None)


async def _records(scene: Scene, wanted: Statement | None) -> AsyncIterator[asyncpg.Record]:
    if wanted is None:
        return
    name, arguments = wanted
    cursor = await scene.connection.cursor(statement(name), *arguments)
    while found := await cursor.fetch(_FETCHED):
        for record in found:
            yield record


async def _merged(sums: AsyncIterator[UsageRow], levels: AsyncIterator[UsageRow]) -> AsyncIterator[UsageRow]:
    one, other = await anext(sums, None), await anext(levels, None)
    while one is not None and other is not None:
        if _order(one) <= _order(other):
            yield one
            one = await anext(sums, None)
        else:
            yield other
            other = await anext(levels, None)
    for row, rest in ((one, sums), (other, levels)):
        if row is not None:
            yield row
            async for following in rest:
                yield following


def _order(row: UsageRow) -> tuple[Any, ...]:
    return _key(row.bucket, row.org, row.project, row.metric, row.unit, row.dimensions)


def _place(record: asyncpg.Record, metrics: dict[int, Any]) -> tuple[Any, ...]:
    metric = metrics[record["metric_id"]]
    return _key(record["bucket"], record["org"], record["project"], metric["key"], metric["unit"], record["dimensions"])


def _key(bucket: datetime | None, *names: Any) -> tuple[Any, ...]:  # noqa: ANN401 - texts and dimensions
    """The order of the statements: that of UTF-8, which is that of code points, and what is null comes last."""
    org, project, metric, unit, dimensions = names
    return (
        _LAST if bucket is None else bucket, org is None, org or "", project is None, project or "", metric, unit,
        list(itertools.chain.from_iterable((part is None, part or "") for part in dimensions)),
    )  # fmt: skip
