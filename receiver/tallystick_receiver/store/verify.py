"""Whether the books agree: ledger = points = rollups + deltas = continuous aggregates = costs, in one snapshot.

A day at a time, so that memory stays the same however much there is; PostgreSQL returns differences only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import asyncpg

from tallystick_receiver.identity import org_id_of
from tallystick_receiver.periods import month_of
from tallystick_receiver.schemes import expected_metrics
from tallystick_receiver.store.aggregates import refresh_aggregates
from tallystick_receiver.store.edition import Edition, recorded_edition
from tallystick_receiver.store.retention import dropped_before
from tallystick_receiver.store.statements import statement

if TYPE_CHECKING:
    from datetime import date

DAY: Final = timedelta(days=1)
_ATTEMPTS: Final = 5
_SUSPECTS_MAX: Final = 10_000
"""Differences of a day that are looked at again after a refresh."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Two things that must be equal on a day.

    Attributes:
        name: the SQL file is verify_<name>.
        left, right: what is compared, in words.
        needs: relations that must still hold the day.
        lacks: a relation that must have dropped it already.
        by_org: whether one organisation can be compared alone.
        editions: where it applies.
        parameters: what the statement takes besides window, organisation and limit.
        is_monthly: whether only the first day of a month has anything to compare.
    """

    name: str
    left: str
    right: str
    needs: tuple[str, ...]
    lacks: str | None = None
    by_org: bool = True
    editions: frozenset[Edition] = frozenset(Edition)
    parameters: tuple[object, ...] = ()
    is_monthly: bool = False


_COMMUNITY: Final = frozenset({Edition.COMMUNITY})
CHECKS: Final = (
    Check(name="ledger", left="ledger totals", right="points", needs=("usage_point",), by_org=False),
    Check(name="entries", left="ledger entries", right="points", needs=("usage_collection", "usage_point")),
    Check(name="points", left="points", right="quarters + deltas", needs=("usage_point", "usage_quarter_hourly")),
    Check(name="levels", left="points", right="quarters + deltas", needs=("usage_point", "usage_quarter_hourly")),
    Check(name="sealed", left="ledger totals", right="quarters + deltas", needs=("usage_quarter_hourly",),
          lacks="usage_point", by_org=False),
    Check(name="days", left="quarters", right="days", needs=("usage_quarter_hourly", "usage_daily")),
    Check(name="day_integrals", left="quarters", right="days", needs=("usage_quarter_hourly", "usage_daily")),
    Check(name="total_hours", left="quarters", right="total hours",
          needs=("usage_quarter_hourly", "usage_total_hourly")),
    Check(name="total_days", left="days", right="total days", needs=("usage_daily", "usage_total_daily")),
    Check(name="hourly_aggregate", left="quarters + deltas", right="hourly aggregate",
          needs=("usage_quarter_hourly", "usage_hourly_aggregate"), editions=_COMMUNITY),
    Check(name="daily_aggregate", left="days + deltas", right="daily aggregate",
          needs=("usage_daily", "usage_daily_aggregate"), editions=_COMMUNITY),
    Check(name="costs", left="quarters", right="costs", needs=("usage_quarter_hourly",),
          parameters=(list(expected_metrics()),)),
    Check(name="amounts", left="quantity x price", right="cost", needs=()),
    Check(name="cost_months", left="costs", right="months of cost", needs=("usage_cost",), is_monthly=True),
    Check(name="cost_users", left="months of cost", right="months of cost by user", needs=(), is_monthly=True),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side of a difference: a quantity as text, and points; None where there is nothing."""

    name: str
    quantity: str | None
    points: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Two figures that should be equal."""

    check: str
    org: str | None
    project: str | None
    metric: str | None
    detail: str | None
    at: datetime
    left: Side
    right: Side


@dataclass(slots=True, kw_only=True)
class Findings:
    """What a verification found.

    Attributes:
        start, end: the window, midnights in UTC.
        org: the only organisation that was looked at, or None.
        compared: how many days each check could compare.
        differences: the first of them.
        count: how many there are.
        unsettled: figures of continuous aggregates that changed whenever they were compared, so that nobody can tell.
    """

    start: datetime
    end: datetime
    org: str | None
    compared: dict[str, int] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    count: int = 0
    unsettled: int = 0


async def verify(
    connection: asyncpg.Connection,
    *,
    start: datetime,
    end: datetime,
    org: str | None = None,
    differences_max: int = 20,
    progress: Callable[[date], None] = lambda _: None,
) -> Findings:
    """Compare everything that is kept of some days.

    Args:
        connection: an own one; late usage behind an aggregate's watermark makes it refresh that day.
        start: a midnight in UTC.
        end: a midnight in UTC after it.
        org: the only organisation to look at; the ledger's totals, which are not kept by organisation, are left out.
        differences_max: differences that are described; all are counted.
        progress: called after each day.
    """
    found = Findings(start=start, end=end, org=org)
    edition = await recorded_edition(connection) or Edition.POSTGRESQL
    checks = [c for c in CHECKS if edition in c.editions and (org is None or c.by_org)]
    stale: dict[datetime, list[Check]] = {}
    moved: list[tuple[Check, datetime]] = []
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        dropped = await dropped_before(connection)
        for day in _days(start, end):
            for check in checks:
                if not _applies(check, day, dropped):
                    continue
                found.compared[check.name] = found.compared.get(check.name, 0) + 1
                count, differences = await _compare(connection, check, day, org, differences_max)
                if count and check.editions == _COMMUNITY:
                    stale.setdefault(day, []).append(check)
                elif count and edition is Edition.COMMUNITY:
                    moved.append((check, day))
                else:
                    _add(found, count, differences, differences_max)
            progress(day.date())
    await _compare_again(connection, moved, found, differences_max)
    for day, suspects in stale.items():
        for check in suspects:
            await _compare_refreshed(connection, check, day, found, differences_max)
    return found


async def first_day(connection: asyncpg.Connection) -> datetime | None:
    """The first day of which anything is kept; None for an empty database."""
    known = [await connection.fetchval(statement("read_first_day"))]
    if (await recorded_edition(connection) or Edition.POSTGRESQL).is_timescaledb:
        known.append(await connection.fetchval(statement("read_first_chunk")))
    for relation in ("usage_point", "usage_collection"):
        rows = await connection.fetch(statement("read_partitions"), relation)
        known += [row["upper"] - DAY for row in rows[:1] if row["upper"] is not None]
    first = min((day for day in known if day is not None), default=None)
    return first and first.replace(hour=0, minute=0, second=0, microsecond=0)


def _days(start: datetime, end: datetime) -> list[datetime]:
    return [start + DAY * n for n in range((end - start) // DAY)]


def _applies(check: Check, day: datetime, dropped: dict[str, datetime]) -> bool:
    if check.is_monthly and day != month_of(day):
        return False
    kept = all(day >= dropped[relation] for relation in check.needs)
    return kept and (check.lacks is None or day < dropped[check.lacks])


async def _compare(
    connection: asyncpg.Connection, check: Check, day: datetime, org: str | None, differences_max: int
) -> tuple[int, list[Difference]]:
    org_id = None if org is None else org_id_of(org)
    rows = await connection.fetch(
        statement(f"verify_{check.name}"), day, day + DAY, org_id, max(differences_max, 1), *check.parameters
    )
    return rows[0]["differences"] if rows else 0, [_difference(check, row) for row in rows]


def _difference(check: Check, row: asyncpg.Record) -> Difference:
    return Difference(
        check=check.name, org=row["org"], project=row["project"], metric=row["metric"], detail=row["detail"],
        at=row["at"], left=_side(check.left, row, "left"), right=_side(check.right, row, "right"),
    )  # fmt: skip


def _side(name: str, row: asyncpg.Record, side: str) -> Side:
    points = row[f"{side}_points"]
    return Side(name=name, quantity=row[f"{side}_quantity"], points=None if points is None else int(points))


def _add(found: Findings, count: int, differences: list[Difference], differences_max: int) -> None:
    found.count += count
    found.differences += differences[: max(0, differences_max - len(found.differences))]


async def _compare_again(
    connection: asyncpg.Connection, moved: list[tuple[Check, datetime]], found: Findings, differences_max: int
) -> None:
    """TimescaleDB empties what it has moved to the columnstore by TRUNCATE, which is seen by older snapshots, too.

    What differs in a newer one is wrong.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        dropped = await dropped_before(connection)
        for check, day in moved:
            if _applies(check, day, dropped):
                _add(found, *await _compare(connection, check, day, found.org, differences_max), differences_max)


async def _compare_refreshed(
    connection: asyncpg.Connection, check: Check, day: datetime, found: Findings, differences_max: int
) -> None:
    """Late usage is in an aggregate only after its refresh: what still differs then is wrong.

    More may come between refresh and comparison, so a difference only counts where the books said the same before the
    refresh: points are only ever added. An aggregate whose points were dropped is never refreshed: that would empty it.
    """
    count, suspects = await _compare(connection, check, day, found.org, _SUSPECTS_MAX)
    settled = suspects
    is_whole = False
    for _ in range(_ATTEMPTS):
        if day < (await dropped_before(connection))["usage_point"]:
            break
        before = {_books(difference) for difference in suspects}
        await refresh_aggregates(connection, day, day + DAY, only_closed=not is_whole)
        count, suspects = await _compare(connection, check, day, found.org, _SUSPECTS_MAX)
        settled = [difference for difference in suspects if _books(difference) in before]
        if not suspects or (is_whole and len(settled) == len(suspects)):
            break
        if settled and not is_whole:
            # It may lie in the hour or the day that is not over, and that somebody refreshed before.
            is_whole, settled = True, []
    _add(found, count if len(settled) == len(suspects) else len(settled), settled, differences_max)
    found.unsettled += len(suspects) - len(settled)


def _books(difference: Difference) -> tuple[object, ...]:
    """What the rollups say, and of what."""
    return difference.org, difference.project, difference.metric, difference.at, difference.left
