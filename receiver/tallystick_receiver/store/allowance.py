"""What is left for a subject: its thresholds and its usage in one snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from tallystick_receiver.definitions import SeenMetric, metrics_read_by
from tallystick_receiver.identity import org_id_of
from tallystick_receiver.periods import Period, Reset, period_of
from tallystick_receiver.store.definitions import definition_for, definition_of
from tallystick_receiver.store.figures import Reading, read_figures, used_of
from tallystick_receiver.store.statements import statement
from tallystick_receiver.thresholds import Action

if TYPE_CHECKING:
    import asyncpg

    from tallystick_receiver.holding import Hold
    from tallystick_receiver.store.database import Database


_METRIC: Final = ("metric_id", "key", "unit", "kind")


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


class _Limit(NamedTuple):
    """What allowance needs of a threshold; reset None is what the definition says."""

    amount: Decimal
    reset: Reset | None
    zone: str
    blocks: bool


async def read_allowance(database: Database, asked: Asked, hold: Hold) -> Allowance:
    """Whether a subject may go on.

    Raises:
        InvalidQuestion: a period reaches before what is kept.
        Unavailable: the database is out of reach.
    """
    now = datetime.fromtimestamp(hold.now_ns / 1e9, UTC)
    async with database.reading() as connection:
        found = await _read(connection, asked, hold, now)
        if found is None and await definition_for(connection, now, asked.metric, asked.org) is not None:
            found = await _read(connection, asked, hold, now)
    return found or Allowance(is_allowed=True, used=Decimal(0), limit=None, resets_at=None)


async def _read(connection: asyncpg.Connection, asked: Asked, hold: Hold, now: datetime) -> Allowance | None:
    """Thresholds and usage of one snapshot; None where the metric has no definition."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        row = await connection.fetchrow(
            statement("read_allowance"), asked.org, org_id_of(asked.org), asked.metric, asked.subject_type,
            asked.subject,
        )  # fmt: skip
        if row is None:
            return None
        definition = definition_of(row)
        seen = [SeenMetric(**dict(zip(_METRIC, metric, strict=True))) for metric in row["metrics"]]
        limits = [_limit(limit) for limit in sorted(row["limits"])]
        zones = [(limit.reset or definition.reset, limit.zone) for limit in limits] or [(definition.reset, asked.zone)]
        periods = [period_of(now, reset, ZoneInfo(zone)) for reset, zone in zones]
        reading = Reading(definition, metrics_read_by(definition, seen))
        used = {}
        for period in set(periods):
            figures = await read_figures(
                connection, period, asked.subject_type, [(asked.org, asked.subject)], [reading], hold,
                kept_from=dict(row["dropped"]),
            )  # fmt: skip
            used[period] = used_of(
                (asked.org, asked.subject), definition, reading.metrics, figures, is_seen=bool(seen)
            )  # fmt: skip
    if not limits:
        return Allowance(is_allowed=True, used=used[periods[0]], limit=None, resets_at=periods[0].resets_at)
    return _tightest([(limit, used[period], period) for limit, period in zip(limits, periods, strict=True)])


def _tightest(found: list[tuple[_Limit, Decimal | None, Period]]) -> Allowance:
    def left(one: tuple[_Limit, Decimal | None, Period]) -> tuple[bool, Decimal]:
        limit, used, _ = one
        return not limit.blocks, limit.amount - (used or 0)

    limit, used, period = min(found, key=left)
    is_reached = any(one.blocks and amount is not None and amount >= one.amount for one, amount, _ in found)
    return Allowance(is_allowed=not is_reached, used=used, limit=limit.amount, resets_at=period.resets_at)


def _limit(row: Sequence[Any]) -> _Limit:
    _, amount, reset, zone, action = row
    return _Limit(amount, None if reset is None else Reset(reset), zone, blocks=action == Action.BLOCK)
