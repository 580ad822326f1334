"""usage.aggregated: an hour, day or month of UTC is over, and what its summary says; again when late usage changed it.

The roller notes the hours that it changed. A round makes their periods due and sums up those that are over, with the
statement that answers questions; what was told last is remembered as a print. Touched hours, totals, prints and events
are of one snapshot and one transaction.
"""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from tallystick.quantity import text_of
from tallystick_receiver.definitions import Figures, MetricDefinition, SeenMetric, used
from tallystick_receiver.errors import InvalidQuestion
from tallystick_receiver.events import Event, EventType, new_event
from tallystick_receiver.holding import Hold
from tallystick_receiver.periods import Period
from tallystick_receiver.store.database import READING, set_locally
from tallystick_receiver.store.definitions import define_seen, read_definitions, read_seen
from tallystick_receiver.store.events import write_events
from tallystick_receiver.store.figures import Reading, Used, read_figures
from tallystick_receiver.store.recorded import pieces
from tallystick_receiver.store.statements import statement
from tallystick_receiver.subscriptions import Subscription, is_wanted
from tallystick_receiver.thresholds import ORG

if TYPE_CHECKING:
    import asyncpg

_log = logging.getLogger(__name__)
_PERIODS_MAX: Final = 500
_KEPT_AFTER_LATE: Final = timedelta(days=32)
"""A month that late usage can still reach is remembered, and its revision with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """When a period is over.

    Attributes:
        grace: how long after its end it is told.
        late: how old usage may be that still comes.
        hold: how long samples of levels hold, and now.
    """

    grace: timedelta
    late: timedelta
    hold: Hold

    @property
    def now(self) -> datetime:
        """When."""
        return datetime.fromtimestamp(self.hold.now_ns / 1e9, UTC)


def forgotten_until(now: datetime, late: timedelta) -> datetime:
    """Periods that ended before can change no more: they are not told, and forgotten."""
    return now - late - _KEPT_AFTER_LATE


async def tell_aggregated(
    connection: asyncpg.Connection, subscriptions: Sequence[Subscription], closing: Closing
) -> int:
    """Tell of periods that are over, and again of those that changed since they were told.

    Returns:
        How many periods were looked at; ask again until it is 0.
    """
    await define_seen(connection, closing.now)
    async with connection.transaction(isolation="repeatable_read"):
        await connection.execute(statement("take_rolled"), forgotten_until(closing.now, closing.late))
        due = await connection.fetch(statement("read_due_periods"), closing.now - closing.grace, _PERIODS_MAX)
        if not due:
            return 0
        await set_locally(connection, READING)
        meanings = await _read_meanings(connection, closing.now)
        groups: dict[tuple[str, datetime, datetime], list[asyncpg.Record]] = defaultdict(list)
        for row in due:
            groups[row["period"], row["starts_at"], row["ends_at"]].append(row)
        events: list[Event] = []
        looked: list[tuple[object, ...]] = []
        for (span, start, end), rows in groups.items():
            wanted = [s for s in subscriptions if s.span == span]
            totals = await _totals(connection, Period(start, end), rows, meanings, closing.hold)
            for row in rows:
                found = [t for t in totals[row["org"]] if is_wanted(wanted, row["org"], t["metricKey"])]
                looked.append(_told(row, found, closing.now, events))
        await connection.execute(statement("write_periods"), *zip(*looked, strict=True))
        await write_events(connection, events)
    return len(due)


async def _read_meanings(connection: asyncpg.Connection, now: datetime) -> dict[tuple[str, str | None], Reading]:
    """How each metric that was seen is read, by key and organisation, in every unit it came in."""
    seen: dict[str, list[SeenMetric]] = defaultdict(list)
    for metric in await read_seen(connection):
        seen[metric.key].append(metric)
    found = await read_definitions(connection, now)
    return {(one.key, one.org): Reading(one, seen[one.key]) for one in found if one.key in seen}


async def _totals(
    connection: asyncpg.Connection, period: Period, rows: Sequence[asyncpg.Record],
    meanings: Mapping[tuple[str, str | None], Reading], hold: Hold,
) -> dict[str, list[dict[str, Any]]]:  # fmt: skip
    """Totals by organisation, as summaries have them; none, with a word in the log, where they were dropped."""
    totals: dict[str, list[dict[str, Any]]] = defaultdict(list)
    subjects = [(row["org"], row["org"]) for row in rows]
    try:
        figures = await read_figures(connection, period, ORG, subjects, meanings.values(), hold)
    except InvalidQuestion as error:
        _log.warning("the period from %s is not told: %s", period.start, error)
        return totals
    for whose, found in sorted(figures.items()):
        meaning = meanings.get((whose.metric, whose.org)) or meanings[whose.metric, None]
        totals[whose.org].append(_content(whose, meaning.definition, found))
    return totals


def _content(whose: Used, definition: MetricDefinition, figures: Figures) -> dict[str, Any]:
    total = used(definition, figures)
    return {
        "metricKey": whose.metric, "unit": whose.unit, "aggregationType": definition.aggregation.value,
        "totalQuantity": None if total is None else text_of(total), "recordCount": figures.records,
    }  # fmt: skip


def _told(row: asyncpg.Record, totals: list[dict[str, Any]], now: datetime, events: list[Event]) -> tuple[object, ...]:
    """One period: its next event where its totals are not those that were told, and what is remembered of it."""
    print_ = blake2b(json.dumps(totals).encode(), digest_size=16).digest() if totals else row["print"]
    revision = row["revision"]
    if print_ != row["print"]:
        revision += 1
        content = {
            "periodType": row["period"], "periodStart": _time(row["starts_at"]), "periodEnd": _time(row["ends_at"]),
            "timeZone": "UTC", "revision": revision,
        }  # fmt: skip
        events += [
            new_event(EventType.USAGE_AGGREGATED, org=row["org"], at=now, content=content | piece)
            for piece in pieces(totals)
        ]
    return row["org_id"], row["period"], row["starts_at"], revision, print_


def _time(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")
