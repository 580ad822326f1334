"""Names to the ids that points carry: written before the points, checked for collisions of the 64-bit hashes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tallystick_receiver.attributes import dimension_value
from tallystick_receiver.identity import (
    Stream,
    Writer,
    id_of,
    metric_id_of,
    org_id_of,
    project_id_of,
)
from tallystick_receiver.store.statements import statement

if TYPE_CHECKING:
    import asyncpg

Collisions = frozenset[tuple[str, int]]
"""(kind, id) where kind is org, project, metric, dims, series or writer."""


async def describe(connection: asyncpg.Connection, streams: list[Stream], writers: list[Writer]) -> Collisions:
    """Write what the dictionaries lack, in a transaction of its own: an entry without points harms nobody.

    Returns:
        The ids that stand for something else already; points with them must be refused.
    """
    if not streams and not writers:
        return frozenset()
    orgs = {org_id_of(s.org): s.org for s in streams}
    projects = {
        (org_id_of(s.org), project_id_of(s.org, s.project)): s.project for s in streams if s.project is not None
    }
    metrics = {metric_id_of(s.metric, s.unit, s.kind): (s.metric, s.unit, s.kind) for s in streams}
    dims = {(org_id_of(s.org), id_of(s.dims_identity)): s for s in streams}
    series = {(org_id_of(s.org), id_of(s.series_identity)): s for s in streams}
    known = {id_of(w.identity): w for w in writers}
    org_rows = _columns(list(orgs.items()), 2)
    project_rows = _columns([(*key, name) for key, name in projects.items()], 3)
    metric_rows = _columns([(i, *m) for i, m in metrics.items()], 4)
    dims_rows = _columns([dims_row(key, s) for key, s in dims.items()], 6)
    series_rows = _columns([(*key, id_of(s.dims_identity), s.scope) for key, s in series.items()], 4)
    writer_rows = _columns(
        [(i, w.credential_org, w.namespace, w.name, w.instance, w.identity) for i, w in known.items()],
        6,
    )
    async with connection.transaction():
        await connection.execute(statement("write_orgs"), *org_rows)
        await connection.execute(statement("write_projects"), *project_rows)
        await connection.execute(statement("write_metrics"), *metric_rows)
        await connection.execute(statement("write_dims"), *dims_rows)
        await connection.execute(statement("write_series"), *series_rows)
        await connection.execute(statement("write_writers"), *writer_rows)
        found = await connection.fetch(
            statement("read_collisions"), *org_rows, *project_rows, *metric_rows,
            dims_rows[0], dims_rows[1], dims_rows[5], *series_rows, writer_rows[0], writer_rows[5],
        )  # fmt: skip
    return frozenset((row["kind"], row["id"]) for row in found)


def dims_row(key: tuple[int, int], stream: Stream) -> tuple[object, ...]:
    """A row of usage_dims: organisation and id, project, metric, attributes and identity."""
    attributes = json.dumps({name: dimension_value(value) for name, value in stream.dimensions})
    return (
        *key, project_id_of(stream.org, stream.project), metric_id_of(stream.metric, stream.unit, stream.kind),
        attributes, stream.dims_identity,
    )  # fmt: skip


def collides(stream: Stream, collisions: Collisions) -> bool:
    """Whether an id of a stream stands for something else."""
    ids = {
        ("org", org_id_of(stream.org)),
        ("project", project_id_of(stream.org, stream.project)),
        ("metric", metric_id_of(stream.metric, stream.unit, stream.kind)),
        ("dims", id_of(stream.dims_identity)),
        ("series", id_of(stream.series_identity)),
    }
    return not ids.isdisjoint(collisions)


def _columns(rows: list[tuple[object, ...]], width: int) -> list[tuple[object, ...]]:
    return list(zip(*rows, strict=True)) if rows else [()] * width
