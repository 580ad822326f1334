"""Metric definitions in the database. Whoever reads them first lets metrics that usage brought define themselves."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from tallystick_receiver.definitions import SAMPLED, Aggregation, MetricDefinition, SeenMetric, definition_id
from tallystick_receiver.events import Event, EventType, new_event
from tallystick_receiver.periods import BEGIN_OF_TIME, Reset
from tallystick_receiver.store.events import write_events
from tallystick_receiver.store.keeping import keep
from tallystick_receiver.store.statements import statement

if TYPE_CHECKING:
    import asyncpg

_ALL: Final = 2**31
_PLAIN: Final = ("key", "org", "name", "description", "unit", "unique", "is_seen", "created_at", "updated_at")


async def define_seen(connection: asyncpg.Connection, now: datetime) -> None:
    """Metrics that came with usage and have no definition get one, and an event each; a look only, where none did."""
    seen = [SeenMetric(metric_id=0, **dict(row)) for row in await connection.fetch(statement("read_undefined"))]
    if not seen:
        return
    columns = zip(*((definition_id(m.key, None), m.key, m.unit, *_natural(m)) for m in seen), strict=True)
    async with connection.transaction():
        fresh = await connection.fetch(statement("define_seen"), *columns, now)
        await write_events(connection, [_defined(definition_of(row), now) for row in fresh])


def _natural(metric: SeenMetric) -> tuple[str, str]:
    """How a metric counts unless somebody says otherwise: usage adds up by month, a level is what it was last."""
    return (Aggregation.LAST, Reset.NEVER) if metric.is_level else (Aggregation.SUM, Reset.MONTHLY)


async def read_definitions(
    connection: asyncpg.Connection, now: datetime, *, org: str | None = None, key: str | None = None,
    number: str | None = None, after: tuple[str, str] | None = None, limit: int = _ALL,
) -> list[MetricDefinition]:  # fmt: skip
    """Definitions by key, the one for all organisations before those of single ones.

    Args:
        connection: not in a read-only transaction.
        now: when metrics that were seen since the last time get defined.
        org: whoever it sees: its own ones and those for all; None for every one.
        key: of one metric only.
        number: the id of the only one.
        after: key and organisation ("" for none) of the last one of the page before.
        limit: how many at most.
    """
    await define_seen(connection, now)
    rows = await connection.fetch(statement("read_definitions"), org, key, number, *(after or (None, None)), limit)
    return [definition_of(row) for row in rows]


async def definition_for(
    connection: asyncpg.Connection, now: datetime, key: str, org: str | None
) -> MetricDefinition | None:
    """The definition that counts for an organisation: its own one, else the one for all, else None.

    For all organisations together (None) it is the one for all.
    """
    for attempt in range(2):
        found = await connection.fetch(statement("read_definitions"), org, key, None, None, None, _ALL)
        rows = [row for row in found if row["org"] in (None, org)]
        if rows:
            return definition_of(rows[-1])
        if not attempt:
            await define_seen(connection, now)
    return None


async def write_definition(connection: asyncpg.Connection, definition: MetricDefinition) -> MetricDefinition:
    """Define a metric, or define it anew; `metric.defined` says so, in the same transaction.

    Args:
        connection: in a transaction that called `hold_keeping` first.
        definition: its `dimensions_from` is found here.
    """
    key, org = definition.key, definition.org
    starts = await keep(connection, key, org, definition.dimensions, definition.updated_at, is_there=True)
    await connection.execute(statement("note_sampling"), key, definition.aggregation in SAMPLED)
    row = await connection.fetchrow(
        statement("write_definition"), definition.key, definition.org, definition.name, definition.description,
        definition.unit, definition.aggregation.value, definition.reset.value, definition.updated_at, definition.id,
        definition.unique, definition.dimensions, starts,
    )  # fmt: skip
    written = definition_of(row)
    await write_events(connection, [_defined(written, definition.updated_at)])
    return written


async def delete_definition(connection: asyncpg.Connection, key: str, org: str | None, now: datetime) -> None:
    """Forget a definition; whether thresholds use it is asked before, in the same transaction.

    Args:
        connection: in a transaction that called `hold_keeping` first.
        key: a metric.
        org: whose definition, or None for all.
        now: the time.
    """
    await keep(connection, key, org, None, now, is_there=False)
    await connection.execute(statement("note_sampling"), key, False)  # noqa: FBT003 - a parameter of the statement
    await connection.execute(statement("delete_definition"), key, org)


async def is_recorded(connection: asyncpg.Connection, metrics: Iterable[SeenMetric]) -> bool:
    """Whether records brought some of these metrics, so that a definition says what further ones are."""
    ids = [metric.metric_id for metric in metrics]
    found: bool = await connection.fetchval(statement("is_recorded"), ids)
    return found


async def read_seen(connection: asyncpg.Connection) -> list[SeenMetric]:
    """Every metric that usage brought."""
    return [SeenMetric(**dict(row)) for row in await connection.fetch(statement("read_metrics"))]


def definition_content(definition: MetricDefinition) -> dict[str, Any]:
    """A definition as the API and events show it."""
    return {
        "id": definition.id, "key": definition.key, "name": definition.name, "description": definition.description,
        "unit": definition.unit, "aggregationType": definition.aggregation.value,
        "resetPeriod": definition.reset.value, "orgId": definition.org,
        "uniqueDimension": definition.unique,
        "dimensions": None if definition.dimensions is None else list(definition.dimensions),
        "dimensionsFrom": None if definition.dimensions_from is None else _time(definition.dimensions_from),
        "definedBy": "usage" if definition.is_seen else "api",
        "createdAt": _time(definition.created_at), "updatedAt": _time(definition.updated_at),
    }  # fmt: skip


def _defined(definition: MetricDefinition, now: datetime) -> Event:
    return new_event(EventType.METRIC_DEFINED, org=definition.org, at=now, content=definition_content(definition))


def definition_of(row: asyncpg.Record) -> MetricDefinition:
    """A row that has the columns of read_definitions.sql, maybe among others."""
    dimensions, starts = row["dimensions"], row["dimensions_from"]
    return MetricDefinition(
        **{name: row[name] for name in _PLAIN}, aggregation=Aggregation(row["aggregation"]), reset=Reset(row["reset"]),
        dimensions=None if dimensions is None else tuple(dimensions),
        dimensions_from=None if starts == BEGIN_OF_TIME else starts,
    )  # fmt: skip


def _time(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
