"""Which dimensions rollups keep, on the way into the database: points keep all, their deltas what is defined.

What is kept depends on the metric, the organisation and the time of usage only. Whoever changes it waits until no
commit is under way, and chooses a time after all that is stored; so a point is rolled up by the one rule of its time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from tallystick.semconv import KIND_LEVEL
from tallystick_receiver.identity import id_of, org_id_of
from tallystick_receiver.keeping import Rule, Span, kept_set, spans_of
from tallystick_receiver.periods import BEGIN_OF_TIME
from tallystick_receiver.points import QUARTER_NS
from tallystick_receiver.ranges import QUARTER, floor
from tallystick_receiver.store.dictionary import dims_row
from tallystick_receiver.store.statements import statement

if TYPE_CHECKING:
    import asyncpg

    from tallystick_receiver.points import Points

LOCK: Final = 0x7A11_0010
_REMEMBERED_MAX: Final = 500_000


class Held(NamedTuple):
    """A set of dimensions in one span of time."""

    org_id: int
    dims_id: int
    starts: datetime


class Keeper:
    """What one receiver knows of what rollups keep."""

    def __init__(self) -> None:
        self._version = -1
        self._rules: dict[str, list[Rule]] = {}
        self._keys: dict[int, str | None] = {}
        self._spans: dict[tuple[str, int], tuple[Span, ...]] = {}
        self._kept: dict[Held, int] = {}

    async def reduced(
        self, connection: asyncpg.Connection, points: Points, version: int
    ) -> tuple[Points, dict[Held, int]]:
        """Points as rollups hold them, and what is to be remembered once it is committed.

        Args:
            connection: in the transaction that stores the points.
            points: with all their dimensions.
            version: what `lock_keeping` said in this transaction.
        """
        if version != self._version:
            self._learn(await read_rules(connection, None))
            self._version = version
        if not self._rules:
            return points, {}
        chosen = await self._concerned(connection, points)
        if not len(chosen):
            return points, {}
        sets, places = self._held(points.take(chosen))
        found = {held: self._kept[held] for held in sets if held in self._kept}
        fresh = await self._resolve(connection, [held for held in sets if held is not None and held not in found])
        kept = found | fresh
        dims_id = points.dims_id.copy()
        new = np.array([points.dims_id[0] if held is None else kept[held] for held in sets], dtype=np.int64)
        is_held = np.array([held is not None for held in sets], dtype=bool)
        dims_id[chosen[is_held[places]]] = new[places[is_held[places]]]
        return replace(points, dims_id=dims_id), fresh

    def remember(self, fresh: Mapping[Held, int]) -> None:
        """This is in the database now."""
        if len(self._kept) + len(fresh) > _REMEMBERED_MAX:
            self._kept.clear()
        self._kept |= fresh

    def _learn(self, rules: Iterable[Rule]) -> None:
        self._rules = defaultdict(list)
        for rule in rules:
            self._rules[rule.key].append(rule)
        self._rules = {key: found for key, found in self._rules.items() if any(r.dimensions is not None for r in found)}
        self._keys, self._spans = {}, {}
        self._kept.clear()

    async def _concerned(self, connection: asyncpg.Connection, points: Points) -> np.ndarray:
        """Where points are of metrics whose dimensions are limited; levels keep all, which their last samples need."""
        ids = np.unique(points.metric_id).tolist()
        if any(number not in self._keys for number in ids):
            for row in await connection.fetch(statement("read_metrics")):
                is_limited = row["key"] in self._rules and row["kind"] != KIND_LEVEL
                self._keys[row["metric_id"]] = row["key"] if is_limited else None
        return np.flatnonzero(np.isin(points.metric_id, [number for number in ids if self._keys.get(number)]))

    def _held(self, points: Points) -> tuple[list[Held | None], np.ndarray]:
        """The different sets of dimensions and spans among points, None for what is kept whole; and which is whose."""
        quarter = (points.end_ns - 1) // QUARTER_NS * QUARTER_NS
        _, first, inverse = np.unique(points.dims_id, return_index=True, return_inverse=True)
        spans = [
            self._spans_of(str(self._keys[metric_id]), org_id)
            for metric_id, org_id in zip(points.metric_id[first].tolist(), points.org_id[first].tolist(), strict=True)
        ]
        place = np.full(len(points), -1, dtype=np.int64)
        for several in set(spans):
            mine = np.array([one == several for one in spans], dtype=bool)[inverse]
            starts = np.array([_nanoseconds(span.starts) for span in several], dtype=np.int64)
            place[mine] = np.searchsorted(starts, quarter[mine], side="right") - 1
        width = max(map(len, spans)) + 1
        codes, places = np.unique(inverse * width + place + 1, return_inverse=True)
        sets: list[Held | None] = []
        for code in codes.tolist():
            number, span = divmod(code, width)
            org_id, dims_id = points.org_id[first[number]], points.dims_id[first[number]]
            sets.append(Held(int(org_id), int(dims_id), spans[number][span - 1].starts) if span else None)
        return sets, places

    def _spans_of(self, key: str, org_id: int) -> tuple[Span, ...]:
        known = self._spans.get((key, org_id))
        if known is None:
            rules = self._rules[key]
            org = next((rule.org for rule in rules if rule.org is not None and org_id_of(rule.org) == org_id), None)
            known = self._spans[key, org_id] = spans_of(rules, org)
        return known

    async def _resolve(self, connection: asyncpg.Connection, wanted: list[Held]) -> dict[Held, int]:
        """What these are kept as, written down; from the identity, since their names were forgotten when stored."""
        if not wanted:
            return {}
        org_ids, dims_ids, _ = zip(*wanted, strict=True)
        rows = await connection.fetch(statement("read_dims_identities"), org_ids, dims_ids)
        identities = {(row["org_id"], row["dims_id"]): row["identity"] for row in rows}
        streams = {}
        for held in wanted:
            stream = kept_set(identities[held.org_id, held.dims_id], None)
            span = next(s for s in self._spans_of(stream.metric, held.org_id) if s.starts == held.starts)
            streams[held] = kept_set(identities[held.org_id, held.dims_id], span.kept)
        kept = {held: id_of(stream.dims_identity) for held, stream in streams.items()}
        ours = {(held.org_id, kept[held]): stream for held, stream in streams.items()}
        columns = list(zip(*(dims_row(key, stream) for key, stream in ours.items()), strict=True))
        await connection.execute(statement("write_dims"), *columns)
        others = await connection.fetch(statement("read_other_identities"), columns[0], columns[1], columns[5])
        taken = {(row["org_id"], row["dims_id"]) for row in others}
        # Two sets with one 64-bit hash: the new one is kept whole, which is more than was asked for and never wrong.
        kept = {held: held.dims_id if (held.org_id, number) in taken else number for held, number in kept.items()}
        await connection.execute(
            statement("write_dims_kept"), *zip(*((*held, number) for held, number in kept.items()), strict=True)
        )
        return kept


async def read_rules(connection: asyncpg.Connection, keys: list[str] | None) -> list[Rule]:
    """What was ever said of some metrics, or of all."""
    return [
        Rule(**{**row, "dimensions": None if row["dimensions"] is None else tuple(row["dimensions"])})
        for row in await connection.fetch(statement("read_keeping"), keys)
    ]


async def lock_keeping(connection: asyncpg.Connection) -> int:
    """The version of what definitions say to those who store usage; nobody can change it until the transaction ends.

    It comes first in a commit: who waits for somebody else's rows holds this lock already, so that nobody who defines
    can come between them.
    """
    version: int = await connection.fetchval(statement("lock_keeping"), LOCK)
    return version


async def hold_keeping(connection: asyncpg.Connection) -> None:
    """Wait for the commits under way, and let no other begin before this transaction ends."""
    await connection.execute(statement("hold_keeping"), LOCK)


async def keep(
    connection: asyncpg.Connection, key: str, org: str | None, dimensions: tuple[str, ...] | None, now: datetime, *,
    is_there: bool,
) -> datetime | None:  # fmt: skip
    """What a definition says of dimensions from now on.

    Args:
        connection: in a transaction that called `hold_keeping` first.
        key: a metric.
        org: whose definition, or None for all.
        dimensions: what rollups keep, None for all.
        now: the time.
        is_there: False where the definition goes.

    Returns:
        From which time of usage on: the beginning, where there is no usage yet; else the next quarter of an hour of
        which nothing is stored. None where nothing changes and nothing was ever limited.
    """
    rules = sorted((r for r in await read_rules(connection, [key]) if r.org == org), key=lambda rule: rule.starts)
    last = rules[-1] if rules else None
    is_own = is_there and org is not None
    dimensions = None if dimensions is None else tuple(sorted(dimensions))
    if last is not None and (last.is_own, last.dimensions) == (is_own, dimensions):
        return None if dimensions is None and len(rules) == 1 else last.starts
    if last is None and dimensions is None and not is_own:
        return None
    org_id = None if org is None else org_id_of(org)
    starts = BEGIN_OF_TIME
    if await connection.fetchval(statement("is_used"), key, org_id):
        current = floor(now.astimezone(UTC), QUARTER)
        newest = await connection.fetchval(statement("read_newest_quarter"), org_id, current)
        starts = (newest or current) + QUARTER
    await connection.execute(statement("write_keeping"), key, org, starts, is_own, dimensions)
    return starts


def _nanoseconds(time: datetime) -> int:
    """Of a quarter of an hour, exactly."""
    return int((time - BEGIN_OF_TIME) / QUARTER) * QUARTER_NS
