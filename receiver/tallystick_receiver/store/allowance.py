"""What is left for a subject: its thresholds and its usage in one snapshot."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from tallystick_receiver.definitions import MetricDefinition, SeenMetric, metrics_read_by
from tallystick_receiver.periods import Period
from tallystick_receiver.store.definitions import definition_for, read_seen
from tallystick_receiver.store.figures import Reading, read_figures, used_of
from tallystick_receiver.store.thresholds import read_thresholds_on
from tallystick_receiver.thresholds import Action, Threshold

if TYPE_CHECKING:
    import asyncpg

    from tallystick_receiver.holding import Hold
    from tallystick_receiver.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who asks about what; the zone only counts where no threshold has its own."""

    org: str
    metric: str
    subject_type: str
    subject: str
    zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """Of the tightest limit: one that blocks before one that does not, then the one with the least left.

    Attributes:
        is_allowed: no limit that blocks is reached.
        used: None where it is unknown.
        limit: None where there is none.
        resets_at: None for never.
    """

    is_allowed: bool
    used: Decimal | None
    limit: Decimal | None
    resets_at: datetime | None


async def read_allowance(database: Database, asked: Asked, hold: Hold) -> Allowance:
    """Whether a subject may go on.

    Raises:
        InvalidQuestion: a period reaches before what is kept.
        Unavailable: the database is out of reach.
    """
    now = datetime.fromtimestamp(hold.now_ns / 1e9, UTC)
    async with database.reading() as connection:
        definition = await definition_for(connection, now, asked.metric, asked.org)
        if definition is None:
            return Allowance(is_allowed=True, used=Decimal(0), limit=None, resets_at=None)
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            thresholds = await read_thresholds_on(
                connection, org=asked.org, metric=asked.metric, subject_type=asked.subject_type, subject=asked.subject
            )
            seen = await read_seen(connection)
            limits = [threshold for threshold in thresholds if threshold.action is not Action.NONE]
            watched = limits or [_limitless(asked, now)]
            uses = [await _use(connection, threshold, definition, seen, now, hold) for threshold in watched]
    if not limits:
        amount, period = uses[0]
        return Allowance(is_allowed=True, used=amount, limit=None, resets_at=period.resets_at)
    return _tightest(list(zip(limits, uses, strict=True)))


def _tightest(found: list[tuple[Threshold, tuple[Decimal | None, Period]]]) -> Allowance:
    def left(one: tuple[Threshold, tuple[Decimal | None, Period]]) -> tuple[bool, Decimal]:
        threshold, (amount, _) = one
        return threshold.action is not Action.BLOCK, threshold.amount - (amount or 0)

    threshold, (amount, period) = min(found, key=left)
    is_reached = any(one.action is Action.BLOCK and used is not None and used >= one.amount for one, (used, _) in found)
    return Allowance(is_allowed=not is_reached, used=amount, limit=threshold.amount, resets_at=period.resets_at)


def _limitless(asked: Asked, now: datetime) -> Threshold:
    """A line that nobody reaches, so that usage can be read as if there were one."""
    return Threshold(
        id="", org=asked.org, metric=asked.metric, subject_type=asked.subject_type, subject=asked.subject,
        amount=Decimal(1), reset=None, zone=asked.zone, levels=(), action=Action.NONE, emails=(), slack=False,
        created_at=now, updated_at=now,
    )  # fmt: skip


async def _use(
    connection: asyncpg.Connection, threshold: Threshold, definition: MetricDefinition, seen: Iterable[SeenMetric],
    now: datetime, hold: Hold,
) -> tuple[Decimal | None, Period]:  # fmt: skip
    known = [metric for metric in seen if metric.key == threshold.metric]
    period = threshold.period(now, definition)
    read = metrics_read_by(definition, known)
    figures = await read_figures(
        connection, period, threshold.subject_type, [(threshold.org, threshold.subject)],
        [Reading(definition, read)], hold,
    )  # fmt: skip
    return used_of(threshold, definition, read, figures, is_seen=bool(known)), period
