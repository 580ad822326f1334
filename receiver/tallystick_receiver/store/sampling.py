"""Which records are samples of a level: those of metrics that a definition reads as `max`, `min` or `last`.

The definition that is in force when a record is committed decides, the organisation's own one before the one for all.
Whoever changes it waits until no commit is under way (`hold_keeping`), so that all records of a commit have one answer.
A record is recognised as what it was sent as, a sum; only what is stored of a new one is a sample.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from tallystick.semconv import KIND_LEVEL
from tallystick_receiver.identity import RECORDS_SCOPE, id_of, metric_id_of, org_id_of
from tallystick_receiver.keeping import kept_set
from tallystick_receiver.store.dictionary import collides, describe
from tallystick_receiver.store.statements import statement

if TYPE_CHECKING:
    import asyncpg

    from tallystick_receiver.identity import Stream
    from tallystick_receiver.points import Points

_REMEMBERED_MAX: Final = 500_000
Set = tuple[int, int]
"""An organisation and a set of dimensions of its sums."""


class Level(NamedTuple):
    """The ids of what samples of such a set are stored as."""

    dims_id: int
    series_id: int
    metric_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """Records as they are stored.

    Attributes:
        points: sums, and samples of levels.
        collides: where an id of a level stands for something else, so that the record cannot be stored.
        fresh: what is to be remembered once it is committed.
    """

    points: Points
    collides: np.ndarray
    fresh: Mapping[Set, Level]


class Sampler:
    """What one receiver knows of whose records are samples."""

    def __init__(self) -> None:
        self._version = -1
        self._rules: dict[str, dict[int | None, bool]] = {}
        self._keys: dict[int, str] = {}
        self._levels: dict[Set, Level] = {}

    async def sampled(self, connection: asyncpg.Connection, records: Points, version: int) -> Sampled:
        """Records as their metrics' definitions have them stored.

        Args:
            connection: in the transaction that stores them.
            records: as sums, which the dictionaries hold already.
            version: what `lock_keeping` said in this transaction.
        """
        if version != self._version:
            await self._learn(connection)
            self._version = version
        none = np.zeros(len(records), dtype=bool)
        if not self._rules:
            return Sampled(points=records, collides=none, fresh={})
        await self._name(connection, records)
        ours = list(zip(records.org_id.tolist(), records.metric_id.tolist(), records.dims_id.tolist(), strict=True))
        wanted = {(org_id, dims_id) for org_id, metric_id, dims_id in ours if self._is_sampled(org_id, metric_id)}
        if not wanted:
            return Sampled(points=records, collides=none, fresh={})
        fresh, taken = await self._resolve(connection, sorted(wanted - self._levels.keys()))
        levels = self._levels | fresh if fresh else self._levels
        found = [levels.get((org_id, dims_id)) if (org_id, dims_id) in wanted else None for org_id, _, dims_id in ours]
        is_level = np.array([level is not None for level in found], dtype=bool)
        ids = np.array([level for level in found if level is not None], dtype=np.int64).reshape(-1, 3)
        columns = {name: getattr(records, name).copy() for name in Level._fields}
        for place, name in enumerate(Level._fields):
            columns[name][is_level] = ids[:, place]
        return Sampled(
            points=replace(records, **columns, is_level=is_level), fresh=fresh,
            collides=np.array([(org_id, dims_id) in taken for org_id, _, dims_id in ours], dtype=bool),
        )  # fmt: skip

    def remember(self, fresh: Mapping[Set, Level]) -> None:
        """This is in the database now."""
        if len(self._levels) + len(fresh) > _REMEMBERED_MAX:
            self._levels.clear()
        self._levels |= fresh

    async def _learn(self, connection: asyncpg.Connection) -> None:
        rules: dict[str, dict[int | None, bool]] = defaultdict(dict)
        for row in await connection.fetch(statement("read_sampled")):
            rules[row["key"]][None if row["org"] is None else org_id_of(row["org"])] = row["is_sampled"]
        self._rules = dict(rules)

    async def _name(self, connection: asyncpg.Connection, records: Points) -> None:
        if any(number not in self._keys for number in np.unique(records.metric_id).tolist()):
            self._keys = {row["metric_id"]: row["key"] for row in await connection.fetch(statement("read_metrics"))}

    def _is_sampled(self, org_id: int, metric_id: int) -> bool:
        rules = self._rules.get(self._keys.get(metric_id, ""), {})
        return rules.get(org_id, rules.get(None, False))

    async def _resolve(self, connection: asyncpg.Connection, sets: list[Set]) -> tuple[dict[Set, Level], set[Set]]:
        """What these are stored as, written down; and those whose ids are taken."""
        if not sets:
            return {}, set()
        rows = await connection.fetch(statement("read_dims_identities"), *zip(*sets, strict=True))
        streams = {(row["org_id"], row["dims_id"]): _level_of(row["identity"]) for row in rows}
        collisions = await describe(connection, [streams[key] for key in sorted(streams)], [])
        taken = {key for key, stream in streams.items() if collides(stream, collisions)}
        return {key: _ids(stream) for key, stream in streams.items() if key not in taken}, taken


def _level_of(identity: str) -> Stream:
    return replace(kept_set(identity, None), kind=KIND_LEVEL, scope=RECORDS_SCOPE)


def _ids(stream: Stream) -> Level:
    return Level(
        dims_id=id_of(stream.dims_identity), series_id=id_of(stream.series_identity),
        metric_id=metric_id_of(stream.metric, stream.unit, stream.kind),
    )  # fmt: skip
