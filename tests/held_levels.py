"""Levels integrated by brute force: what `GET /api/usage` must answer, in plain words; and sending samples at will.

A sample says its value for (time, time of the next sample of its set], the longest hold and now at most.
"""

from __future__ import annotations

import contextlib
import itertools
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple
from zoneinfo import ZoneInfo

from otlp import export_request

from tallystick.semconv import ORG_ALIASES
from tallystick_receiver.admission import TimeLimits
from tallystick_receiver.holding import Hold
from tallystick_receiver.otlp.decode import PROTOBUF, decode
from tallystick_receiver.question import Question
from tallystick_receiver.store.changes import Herald
from tallystick_receiver.store.database import Database
from tallystick_receiver.store.integrate import integrate_days
from tallystick_receiver.store.roll import roll
from tallystick_receiver.store.usage import Usage, UsageRow, read_usage
from tallystick_receiver.store.writer import UsageWriter
from tallystick_receiver.streams import Streams
from tallystick_receiver.telemetry import Telemetry

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
QUARTER = 900 * 10**9
LONG_AFTER = 2**62


class Sample(NamedTuple):
    """One point of a level: its time in ns, its value, its set of dimensions, and who sent it."""

    ns: int
    value: int | Decimal
    disk: str = "a"
    writer: str = "w"


def ns_of(time: datetime) -> int:
    return (time - EPOCH) // timedelta(microseconds=1) * 1000


def local_bucket(ns: int, unit: str | None, zone: ZoneInfo) -> str | None:
    """The local hour, day, week or month that a quarter begins in."""
    local = (EPOCH + timedelta(seconds=ns // QUARTER * 900)).astimezone(zone)
    if unit is None:
        return None
    if unit == "hour":
        return f"{local:%Y-%m-%dT%H%z}"
    if unit == "week":
        return (local.date() - timedelta(days=local.weekday())).isoformat()
    return f"{local:%Y-%m}" if unit == "month" else local.date().isoformat()


def integrated(
    samples: Iterable[Sample], question: Question, hold: Hold
) -> dict[tuple[str | None, str | None], tuple[Fraction, int]]:
    """Integral in unit x ns and covered ns, by bucket and (where asked for) disk; only what is covered."""
    sets: dict[str, dict[int, Fraction]] = defaultdict(dict)
    for sample in samples:
        values, value = sets[sample.disk], Fraction(sample.value)
        values[sample.ns] = max(value, values.get(sample.ns, value))
    integrals: dict[tuple[str | None, str | None], Fraction] = defaultdict(Fraction)
    covered = defaultdict(list)
    first, last = ns_of(question.start), min(ns_of(question.end), hold.now_ns)
    for disk, values in sets.items():
        for ns, following in itertools.pairwise([*sorted(values), LONG_AFTER * 2]):
            lower, upper = max(ns, first), min(following, ns + hold.ns, last)
            while lower < upper:
                border = min(upper, (lower // QUARTER + 1) * QUARTER)
                key = (local_bucket(lower, question.unit, question.zone), disk if "disk" in question.group_by else None)
                integrals[key] += values[ns] * (border - lower)
                covered[key].append((lower, border))
                lower = border
    return {key: (integral, _length(covered[key])) for key, integral in integrals.items()}


class Counted(NamedTuple):
    """Samples of a row: how many, the lowest and the highest, and the last ones of its sets together."""

    points: int
    lowest: Fraction
    highest: Fraction
    last: Fraction


def counted(samples: Iterable[Sample], question: Question) -> dict[tuple[str | None, str | None], Counted]:
    """The samples in (start, end], by bucket and (where asked for) disk; one sent twice is one."""
    groups: dict[tuple[str | None, str | None], set[Sample]] = defaultdict(set)
    for sample in samples:
        if ns_of(question.start) < sample.ns <= ns_of(question.end):
            bucket = local_bucket(sample.ns - 1, question.unit, question.zone)
            groups[bucket, sample.disk if "disk" in question.group_by else None].add(sample)
    found = {}
    for key, group in groups.items():
        values = [Fraction(s.value) for s in group]
        lasts = {s.disk: Fraction(s.value) for s in sorted(group, key=lambda s: (s.ns, s.value))}
        found[key] = Counted(len(group), min(values), max(values), sum(lasts.values(), Fraction()))
    return found


def answered_samples(usage: Usage, question: Question) -> dict[tuple[str | None, str | None], Counted]:
    """The same of an answer; rows without a sample are left out."""
    return {
        _key(row, question): Counted(
            row.points, Fraction(row.level.lowest), Fraction(row.level.highest), Fraction(row.quantity)
        )
        for row in usage.rows
        if row.points
    }


def _key(row: UsageRow, question: Question) -> tuple[str | None, str | None]:
    bucket = None if row.bucket is None else local_bucket(ns_of(row.bucket), question.unit, question.zone)
    return bucket, row.dimensions[0] if row.dimensions else None


def _length(intervals: list[tuple[int, int]]) -> int:
    length, end = 0, 0
    for lower, upper in sorted(intervals):
        length += max(0, upper - max(lower, end))
        end = max(end, upper)
    return length


def answered(usage: Usage, question: Question) -> dict[tuple[str | None, str | None], tuple[Fraction, int]]:
    """The same of an answer; rows of which nothing is covered have an integral of zero."""
    found = {}
    for row in usage.rows:
        key = _key(row, question)
        assert row.level is not None
        if row.level.covered_ns:
            found[key] = (Fraction(row.level.integral), row.level.covered_ns)
        else:
            assert (row.level.integral, row.level.average) == (0, None)
            assert row.points > 0
    return found


class Store:
    """The write and the read side in this process; nothing is rolled up but when the test says so."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._telemetry = Telemetry()
        self._streams = Streams(org_aliases=ORG_ALIASES, streams_max=1000)
        self.herald = Herald(database)
        self._writer = UsageWriter(
            database,
            self._streams,
            self.herald,
            self._telemetry,
            now_ns=lambda: LONG_AFTER,
            quarantine_rows_max=10,
        )

    async def send(self, org: str, samples: Iterable[Sample]) -> None:
        """One commit."""
        batches = []
        for writer, group in itertools.groupby(sorted(samples, key=lambda s: s.writer), lambda s: s.writer):
            points = [
                {"name": "disk", "kind": "gauge", "unit": "By", "end": s.ns,
                 "value": float(s.value) if isinstance(s.value, Decimal) else s.value,
                 "attributes": {"org.id": org, "disk": s.disk}}
                for s in group
            ]  # fmt: skip
            body = export_request(points, resource={"service.instance.id": writer}).SerializeToString()
            limits = TimeLimits(now_ns=LONG_AFTER, late_ns=LONG_AFTER, ahead_ns=0)
            batch = decode(body, PROTOBUF, streams=self._streams, credential_org=None, limits=limits, points_max=10**6)
            assert not batch.refused
            batches.append(batch)
        await self._writer.write(batches)

    async def roll(self, rows_max: int = 10**6) -> None:
        """One merge."""
        connection = await self._database.connect(60)
        try:
            await roll(connection, self._telemetry, rows_max)
        finally:
            await connection.close()

    async def integrate(self, today: datetime) -> int:
        """What the upkeep does of days that are over."""
        connection = await self._database.connect(60)
        try:
            return await integrate_days(connection, EPOCH, today)
        finally:
            await connection.close()

    async def ask(self, question: Question, hold: Hold) -> Usage:
        """What `GET /api/usage` answers."""
        return await read_usage(self._database, question, hold, 100_000)


@contextlib.asynccontextmanager
async def store(url: str) -> AsyncIterator[Store]:
    """The store of a migrated database."""
    database = Database(url)
    await database.open()
    found = Store(database)
    try:
        yield found
    finally:
        found.herald.stop()
        await database.close()


def question(org: str, start: datetime, end: datetime, *group_by: str, zone: str = "UTC") -> Question:
    """Usage of everything that an organisation has."""
    return Question(org=org, project=None, types=(), start=start, end=end, zone=ZoneInfo(zone),
                    group_by=group_by or ("type",), filters={})  # fmt: skip
