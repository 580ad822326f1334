"""The balancer: compares what senders announced with the ledger, and writes down what is missing.

Questions about completeness read what it wrote. While it is behind, less is said to be complete, never more.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from tallystick.quantity import text_of
from tallystick_receiver.announcement import Totals
from tallystick_receiver.balance import (
    Announced,
    Hole,
    Run,
    Standing,
    bridged,
    folded,
    holes_between,
    lack_of,
    run_of,
    shortfall,
    summed,
)
from tallystick_receiver.store.duty import Duty
from tallystick_receiver.store.statements import statement

if TYPE_CHECKING:
    import asyncpg

    from tallystick_receiver.store.database import Database
    from tallystick_receiver.telemetry import Telemetry

_LOCK: Final = 0x7A11_0005
_STATEMENT_SECONDS: Final = 60.0
_ROWS_MAX: Final = 500
_PAUSE_MIN: Final = timedelta(seconds=2)
_PAUSE_MAX: Final = timedelta(minutes=10)
_AFTER_LATE: Final = timedelta(hours=1)
"""Nothing that late can be under way any more: what is missing then is missing for good."""

Sequence = tuple[int, int]
"""(writer id, when it began, ns)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long the parts of a collection may take.

    Attributes:
        grace: what is on its way for so long is no gap yet.
        late: age up to which points are accepted at all.
    """

    grace: timedelta
    late: timedelta

    def next_look(self, now: datetime, since: datetime) -> datetime:
        """When to look again at what has been missing since then: the older, the later."""
        if now - since < self.grace:
            return since + self.grace
        return now + min(max((now - since) / 4, _PAUSE_MIN), _PAUSE_MAX)

    def is_final(self, now: datetime, end_ns: int) -> bool:
        """Whether what ended then cannot arrive any more."""
        return datetime.fromtimestamp(end_ns / 1e9, UTC) < now - self.late - _AFTER_LATE


@dataclass(slots=True)
class _Writes:
    """The rows of one round, by statement."""

    settled: list[tuple[Any, ...]] = field(default_factory=list)
    delayed: list[tuple[Any, ...]] = field(default_factory=list)
    closed: set[tuple[int, int, int]] = field(default_factory=set)
    gaps: list[tuple[Any, ...]] = field(default_factory=list)
    runs: list[tuple[Any, ...]] = field(default_factory=list)
    gone: list[tuple[Any, ...]] = field(default_factory=list)
    senders: list[tuple[Any, ...]] = field(default_factory=list)

    async def write(self, connection: asyncpg.Connection) -> None:
        for name, rows in (
            ("delete_announcements", self.settled), ("delay_announcements", self.delayed),
            ("delete_gaps", sorted(self.closed)), ("write_gaps", self.gaps),
            ("delete_runs", self.gone), ("write_runs", self.runs), ("write_senders", self.senders),
        ):  # fmt: skip
            if rows:
                await connection.execute(statement(name), *zip(*rows, strict=True))

    def gap(self, key: Sequence, sequence: int, span: tuple[int, int], lack: Totals) -> None:
        self.closed.add((*key, sequence))
        self.gaps += [(*key, sequence, metric, *span, points, amount) for metric, (points, amount) in lack.items()]


def balancer(
    database: Database, telemetry: Telemetry, patience: Patience, *, seconds: float, now_ns: Callable[[], int]
) -> Duty:
    """The duty of comparing, every `seconds`."""

    async def work(connection: asyncpg.Connection) -> None:
        while await balance(connection, telemetry, patience, datetime.fromtimestamp(now_ns() / 1e9, UTC)) >= _ROWS_MAX:
            pass

    return Duty(
        database, name="balancing", lock=_LOCK, seconds=seconds, statement_seconds_max=_STATEMENT_SECONDS, work=work
    )


async def balance(connection: asyncpg.Connection, telemetry: Telemetry, patience: Patience, now: datetime) -> int:
    """One round, in one transaction.

    Returns:
        How many announced collections it looked at; as many as fit one round: there may be more.
    """
    async with connection.transaction():
        due = _announced(await connection.fetch(statement("read_due_announcements"), now, _ROWS_MAX))
        writes = _Writes()
        fresh: dict[Sequence, list[Announced]] = defaultdict(list)
        for found in due:
            _judge(found, patience, now, writes)
            fresh[found.writer_id, found.begun_ns].append(found)
        for row in await connection.fetch(statement("read_due_senders"), now):
            fresh.setdefault((row["writer_id"], row["begun_ns"]), [])
        if fresh:
            await _advance(connection, fresh, patience, now, writes)
            await writes.write(connection)
    telemetry.add("collections.balanced", len(writes.settled))
    return len(due)


def _judge(found: Announced, patience: Patience, now: datetime, writes: _Writes) -> None:
    """Settle a collection, or write down what it lacks, or wait for what is on its way."""
    key, sequence = (found.writer_id, found.begun_ns), found.sequence
    lack = found.lack
    if not lack:
        writes.settled.append((*key, sequence))
        writes.closed.add((*key, sequence))
        return
    is_overdue = now - found.received_at >= patience.grace
    if is_overdue:
        writes.gap(key, sequence, (found.start_ns, found.end_ns), lack)
    if is_overdue and patience.is_final(now, found.end_ns):
        writes.settled.append((*key, sequence))
    else:
        look = patience.next_look(now, found.received_at)
        writes.delayed.append((*key, sequence, found.check_after, look, is_overdue))


async def _advance(
    connection: asyncpg.Connection, fresh: dict[Sequence, list[Announced]], patience: Patience, now: datetime,
    writes: _Writes,
) -> None:  # fmt: skip
    """Extend the runs of these sequences, and look at the holes between them."""
    keys = list(zip(*sorted(fresh), strict=True))
    stored: dict[Sequence, list[Run]] = defaultdict(list)
    for row in await connection.fetch(statement("read_runs"), *keys):
        stored[row["writer_id"], row["begun_ns"]].append(_run(row))
    written: dict[Sequence, set[int]] = defaultdict(set)
    for row in await connection.fetch(statement("read_gap_sequences"), *keys):
        written[row["writer_id"], row["begun_ns"]].add(row["sequence"])
    for key, announced in fresh.items():
        counted = [
            run_of(found) for found in announced
            if not found.is_counted and (not found.lack or now - found.received_at >= patience.grace)
        ]  # fmt: skip
        runs = folded([*stored[key], *counted])
        accounted_ns, look = await _look_at_holes(connection, key, runs, patience, now, writes)
        for sequence in written[key]:
            if not any(run.first <= sequence <= run.last for run in runs):
                writes.closed.add((*key, sequence))
        for hole in holes_between(runs, key[1]):
            is_overdue = now - hole.after.received_at >= patience.grace
            if is_overdue and patience.is_final(now, hole.end_ns):  # what it lacks is written down
                runs = bridged(runs, key[1], hole)
        _keep(key, stored[key], runs, writes)
        writes.senders.append(_sender(key, announced, accounted_ns, look))
    writes.closed &= {(*key, sequence) for key, sequences in written.items() for sequence in sequences}


async def _look_at_holes(
    connection: asyncpg.Connection, key: Sequence, runs: list[Run], patience: Patience, now: datetime, writes: _Writes
) -> tuple[int, datetime | None]:
    """Until when everything is accounted for (ns), and when to look at the holes again."""
    looks = []
    holes = {hole.after.first: hole for hole in holes_between(runs, key[1])}
    accounted_ns, is_accounted = key[1], True
    for run in runs:
        hole = holes.get(run.first)
        if hole is not None:
            looks.append(patience.next_look(now, run.received_at))
            if now - run.received_at >= patience.grace:
                lack = await _lack(connection, key[0], hole)
                writes.gap(key, hole.first, (hole.start_ns, hole.end_ns), lack)
            else:
                is_accounted = False
        if is_accounted:
            accounted_ns = run.end_ns
    return accounted_ns, min(looks, default=None)


def _keep(key: Sequence, before: list[Run], after: list[Run], writes: _Writes) -> None:
    remaining = {run.first for run in after}
    writes.gone += [(*key, run.first) for run in before if run.first not in remaining]
    writes.runs += [
        (*key, run.first, run.last, run.start_ns, run.end_ns, _before(run), _text(run.after), run.received_at)
        for run in after
        if run not in before
    ]


def _sender(key: Sequence, announced: list[Announced], accounted_ns: int, look: datetime | None) -> tuple[Any, ...]:
    return (
        *key, max((found.interval_ns for found in announced), default=0), accounted_ns,
        max((found.end_ns for found in announced), default=0),
        max((found.received_at for found in announced), default=datetime(1970, 1, 1, tzinfo=UTC)),
        any(found.is_last for found in announced), look,
    )  # fmt: skip


async def _lack(connection: asyncpg.Connection, writer_id: int, hole: Hole) -> Totals:
    rows = await connection.fetch(statement("read_arrived"), writer_id, hole.start_ns, hole.end_ns)
    return shortfall(hole.announced, summed((row["metric_id"], row["points"], row["quantity"]) for row in rows))


def _announced(rows: Iterable[asyncpg.Record]) -> list[Announced]:
    parts: dict[tuple[int, int, int], list[asyncpg.Record]] = defaultdict(list)
    for row in rows:
        parts[row["writer_id"], row["begun_ns"], row["sequence"]].append(row)
    return [_one(found) for found in parts.values()]


def _one(parts: list[asyncpg.Record]) -> Announced:
    row = parts[0]
    tally = json.loads(row["tally"])
    own = Standing([(metric, points, amount) for metric, points, amount, _, _ in tally if points or amount != "0"])
    arrived = [
        Standing(list(zip(part["metric_ids"], part["metric_points"], part["metric_sums"], strict=True)))
        for part in parts
        if part["metric_ids"] is not None
    ]
    return Announced(
        writer_id=row["writer_id"], begun_ns=row["begun_ns"], sequence=row["sequence"], start_ns=row["start_ns"],
        end_ns=row["end_ns"], interval_ns=row["interval_ns"], is_last=row["is_last"], received_at=row["received_at"],
        check_after=row["check_after"], is_counted=row["is_counted"], own=own,
        total=Standing([(metric, points, amount) for metric, _, _, points, amount in tally]),
        lack=lack_of(own, arrived),
    )  # fmt: skip


def _run(row: asyncpg.Record) -> Run:
    return Run(
        first=row["first_sequence"], last=row["last_sequence"], start_ns=row["start_ns"], end_ns=row["end_ns"],
        after=_standing(row["after"]), first_total=_standing(row["before"]), first_own=Standing([]),
        received_at=row["received_at"],
    )  # fmt: skip


def _standing(text: str) -> Standing:
    return Standing([(metric, points, amount) for metric, points, amount in json.loads(text)])


def _before(run: Run) -> str:
    if not run.first_own.entries:
        return _text(run.first_total)
    return _text(Standing([(metric, points, text_of(amount)) for metric, (points, amount) in run.before.items()]))


def _text(standing: Standing) -> str:
    return json.dumps(standing.entries, separators=(",", ":"))
