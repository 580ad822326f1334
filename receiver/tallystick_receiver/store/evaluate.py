"""The evaluator: whose usage changed since the last round, which levels it reaches now, and the events that say so.

A round is one snapshot and one transaction: the usage it looked at, what it remembers of levels, and the events are
committed together, so that a crash repeats nothing and loses nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from time import monotonic
from typing import TYPE_CHECKING, Final, NamedTuple

from tallystick_receiver.definitions import Figures, MetricDefinition, SeenMetric, metrics_read_by, unit_of
from tallystick_receiver.errors import InvalidQuestion
from tallystick_receiver.events import Event, new_event
from tallystick_receiver.growth import Growth, Quarter, room
from tallystick_receiver.holding import Hold
from tallystick_receiver.identity import org_id_of
from tallystick_receiver.ranges import QUARTER, floor
from tallystick_receiver.store.database import READING, set_locally
from tallystick_receiver.store.definitions import define_seen, read_definitions, read_seen
from tallystick_receiver.store.duty import Duty
from tallystick_receiver.store.events import write_events
from tallystick_receiver.store.figures import Reading, Used, read_figures, used_of
from tallystick_receiver.store.statements import statement
from tallystick_receiver.store.thresholds import read_alerts, read_thresholds_of
from tallystick_receiver.thresholds import Alert, Reached, Threshold, changes, crossing_content, recipients_of

if TYPE_CHECKING:
    import asyncpg

    from tallystick_receiver.periods import Period, Reset
    from tallystick_receiver.store.database import Database
    from tallystick_receiver.telemetry import Telemetry

_log = logging.getLogger(__name__)
_LOCK: Final = 0x7A11_0006
_STATEMENT_SECONDS: Final = 60.0
_WHOLE_EVERY: Final = timedelta(minutes=5)
"""Everything is looked at so often, whatever changed: rebuilt rollups, for instance."""
_KEPT_AFTER_LATE: Final = timedelta(days=30)
_JUDGED_AT_ONCE: Final = 250
"""So many thresholds take a few milliseconds; then requests get their turn."""


class Watch(NamedTuple):
    """A threshold, what its metric means, and in which quarters of an hour of its period usage is new."""

    threshold: Threshold
    definition: MetricDefinition
    quarters: list[Quarter]


def evaluator(
    database: Database, telemetry: Telemetry, *, seconds: float, hold_seconds: int, late: timedelta,
    now_ns: Callable[[], int],
) -> Duty:  # fmt: skip
    """The duty of evaluating, every `seconds`; after a round that took longer, so much later."""
    evaluation = Evaluation(telemetry, hold_seconds=hold_seconds, late=late)

    async def work(connection: asyncpg.Connection) -> None:
        begun = monotonic()
        await evaluation.round(connection, now_ns())
        # However many thresholds there are, and whatever they cost: at most half of the time goes into them.
        await asyncio.sleep(max(0.0, monotonic() - begun - seconds))

    return Duty(
        database, name="evaluating", lock=_LOCK, seconds=seconds, statement_seconds_max=_STATEMENT_SECONDS, work=work
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Meanings:
    """What metrics mean, by key and organisation, what was seen of them, and which alerts there are."""

    definitions: dict[tuple[str, str | None], MetricDefinition]
    seen: dict[str, list[SeenMetric]]
    alerts: list[Alert]
    _read: dict[tuple[str, str | None], list[SeenMetric]] = field(default_factory=dict)
    _alerts_on: dict[tuple[str, str], list[Alert]] = field(default_factory=dict)

    def of(self, threshold: Threshold) -> MetricDefinition | None:
        own = self.definitions.get((threshold.metric, threshold.org))
        return own or self.definitions.get((threshold.metric, None))

    def read_by(self, definition: MetricDefinition) -> list[SeenMetric]:
        """The stored metrics that a definition reads; thousands of thresholds may share it."""
        which = definition.key, definition.org
        if which not in self._read:
            self._read[which] = metrics_read_by(definition, self.seen.get(definition.key, ()))
        return self._read[which]

    def alerts_on(self, threshold: Threshold) -> list[Alert]:
        """The alerts that concern it, as any other on that metric of that organisation."""
        which = threshold.org, threshold.metric
        if which not in self._alerts_on:
            self._alerts_on[which] = [alert for alert in self.alerts if alert.concerns(threshold)]
        return self._alerts_on[which]


@dataclass(slots=True)
class _Writes:
    events: list[Event] = field(default_factory=list)
    crossings: list[tuple[object, ...]] = field(default_factory=list)
    lacking: dict[Quarter, Decimal | None] = field(default_factory=dict)

    def lack(self, quarters: Iterable[Quarter], amount: Decimal | None) -> None:
        """So much is lacking to the next level of one threshold: the least of all of a quarter counts."""
        for quarter in quarters:
            least = self.lacking.get(quarter)
            self.lacking[quarter] = amount if least is None else least if amount is None else min(least, amount)


class Evaluation:
    """Rounds, and what one remembers for the next: what it saw waiting, and what is lacking to which level."""

    def __init__(self, telemetry: Telemetry, *, hold_seconds: int, late: timedelta) -> None:
        self._telemetry = telemetry
        self._hold_seconds = hold_seconds
        self._late = late
        self._growth = Growth()
        self._leads_on: asyncpg.Connection | None = None
        self._whole_at: datetime | None = None

    async def round(self, connection: asyncpg.Connection, now_ns: int) -> int:
        """Evaluate the thresholds whose usage changed.

        Returns:
            How many pairs of threshold and period were looked at.
        """
        now = datetime.fromtimestamp(now_ns / 1e9, UTC)
        is_whole = self._whole_at is None or not timedelta() <= now - self._whole_at < _WHOLE_EVERY
        growth = self._growth
        if connection is not self._leads_on or is_whole:  # another leader may have taken what was touched meanwhile
            growth = Growth()
        self._leads_on = None
        await define_seen(connection, now)
        looked, events = 0, 0
        async with connection.transaction(isolation="repeatable_read"):
            due = await self._due(connection, growth)
            if is_whole:
                await connection.execute(statement("delete_old_crossings"), now - self._late - _KEPT_AFTER_LATE)
            if due or is_whole:
                await set_locally(connection, READING)
                looked, events = await self._evaluate(connection, due, growth, now_ns, is_whole=is_whole)
        self._growth, self._leads_on = growth, connection
        if is_whole:
            self._whole_at = now
        self._telemetry.add("thresholds.evaluated", looked)
        self._telemetry.add("thresholds.crossed", events)
        return looked

    async def _due(self, connection: asyncpg.Connection, growth: Growth) -> dict[int, set[datetime]]:
        """Quarters of an hour in which new usage may have reached a level."""
        due: dict[int, set[datetime]] = defaultdict(set)
        if not await connection.fetchval(statement("has_thresholds")):
            return due
        touched = await connection.fetch(statement("take_touched"))
        snapshot = await connection.fetchval(statement("read_snapshot"))
        # Where something was taken away, what remains is counted anew.
        fresh = await connection.fetch(statement("read_waiting"), None if touched else growth.snapshot)
        growth.advance(
            snapshot, [(row["org_id"], row["amount"]) for row in touched],
            [(row["org_id"], row["amount"]) for row in fresh], is_all=bool(touched) or growth.snapshot is None,
        )  # fmt: skip
        for org_id, quarter in filter(
            growth.may_reach, {(row["org_id"], row["quarter"]) for row in (*touched, *fresh)}
        ):
            due[org_id].add(quarter)
        return due

    async def _evaluate(
        self,
        connection: asyncpg.Connection,
        due: dict[int, set[datetime]],
        growth: Growth,
        now_ns: int,
        *,
        is_whole: bool,
    ) -> tuple[int, int]:
        now = datetime.fromtimestamp(now_ns / 1e9, UTC)
        thresholds = await read_thresholds_of(connection, None if is_whole else due)
        if not thresholds:
            return 0, 0
        meanings = await _read_meanings(connection, now)
        groups = _grouped(thresholds, due, meanings, now, is_whole=is_whole)
        writes = _Writes()
        hold = Hold(seconds=self._hold_seconds, now_ns=now_ns)
        for (period, subject_type), members in sorted(groups.items()):
            figures = await _figures(connection, period, subject_type, members, meanings, hold)
            if figures is None:
                for watch in members:
                    writes.lack(watch.quarters, Decimal(0))
                continue
            before = await _before(connection, period, members)
            for number, watch in enumerate(members, 1):
                _judge(watch, period, before.get(watch.threshold.id, {}), meanings, figures, now, writes)
                if number % _JUDGED_AT_ONCE == 0:
                    await asyncio.sleep(0)
        growth.looked(writes.lacking)
        if writes.crossings:
            await connection.execute(statement("write_crossings"), *zip(*writes.crossings, strict=True))
        await write_events(connection, writes.events)
        return sum(map(len, groups.values())), len(writes.events)


async def _read_meanings(connection: asyncpg.Connection, now: datetime) -> _Meanings:
    seen: dict[str, list[SeenMetric]] = defaultdict(list)
    for metric in await read_seen(connection):
        seen[metric.key].append(metric)
    definitions = {(d.key, d.org): d for d in await read_definitions(connection, now)}
    return _Meanings(definitions=definitions, seen=seen, alerts=await read_alerts(connection))


def _grouped(
    thresholds: list[Threshold], due: dict[int, set[datetime]], meanings: _Meanings, now: datetime, *, is_whole: bool
) -> dict[tuple[Period, str], list[Watch]]:
    """Thresholds by what one statement can read: the same period and the same type of subject.

    A threshold watches from the period in which it was created; late usage of older ones does not concern it.
    """
    groups: dict[tuple[Period, str], list[Watch]] = defaultdict(list)
    current = {floor(now, QUARTER)} if is_whole else set()
    watched: dict[tuple[str, Reset, str], dict[Period, list[Quarter]]] = {}
    for threshold in thresholds:
        definition = meanings.of(threshold)
        if definition is None:
            continue
        which = threshold.org, threshold.reset or definition.reset, threshold.zone
        if which not in watched:
            org_id, watched[which] = org_id_of(threshold.org), defaultdict(list)
            for time in due.get(org_id, set()) | current:
                watched[which][threshold.period(time, definition)].append((org_id, time))
        for period, quarters in watched[which].items():
            if period.end > threshold.created_at:
                groups[period, threshold.subject_type].append(Watch(threshold, definition, quarters))
    return groups


async def _figures(
    connection: asyncpg.Connection, period: Period, subject_type: str, members: list[Watch], meanings: _Meanings,
    hold: Hold,
) -> dict[Used, Figures] | None:  # fmt: skip
    """What these subjects used; None, with a word in the log, where the period reaches before what is kept."""
    defined = {(d.key, d.org): d for _, d, _ in members}
    readings = [Reading(one, meanings.read_by(one)) for one in defined.values()]
    if not any(reading.metrics for reading in readings):
        return {}
    subjects = [(threshold.org, threshold.subject) for threshold, _, _ in members]
    try:
        return await read_figures(connection, period, subject_type, subjects, readings, hold)
    except InvalidQuestion as error:
        _log.warning("thresholds of the period from %s are not evaluated: %s", period.start, error)
        return None


async def _before(
    connection: asyncpg.Connection, period: Period, members: Iterable[Watch]
) -> dict[str, dict[int, Reached]]:
    """What was reached before, by threshold and level."""
    ids = [threshold.id for threshold, _, _ in members]
    found: dict[str, dict[int, Reached]] = defaultdict(dict)
    for row in await connection.fetch(statement("read_crossings"), ids, period.start):
        found[row["threshold_id"]][row["level"]] = Reached(row["is_over"], row["times"])
    return found


def _judge(
    watch: Watch, period: Period, before: dict[int, Reached], meanings: _Meanings, figures: dict[Used, Figures],
    now: datetime, writes: _Writes,
) -> None:  # fmt: skip
    """What is new of one threshold in one period, and what is lacking to its next level."""
    threshold, definition, quarters = watch
    alerts = meanings.alerts_on(threshold)
    metrics = meanings.read_by(definition)
    amount = used_of(
        (threshold.org, threshold.subject), definition, metrics, figures,
        is_seen=threshold.metric in meanings.seen,
    )  # fmt: skip
    levels = {*threshold.levels, *(alert.percent for alert in alerts)} if alerts else threshold.levels
    for change in changes(amount, threshold.amount, levels, before):
        reached = change.reached
        writes.crossings.append(
            (threshold.id, period.start, period.end, change.level, reached.is_over, reached.times)
        )  # fmt: skip
        unit = unit_of(definition, metrics)
        content = crossing_content(threshold, definition, period, amount or Decimal(0), unit, change, now)
        told = recipients_of(threshold, alerts, change.level)
        writes.events.append(new_event(change.type, org=threshold.org, at=now, content=content, recipients=told))
    writes.lack(quarters, room(definition.aggregation, amount, threshold.amount, levels))
