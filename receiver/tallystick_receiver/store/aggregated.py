"""usage.aggregated: an hour, day or month of UTC is over, and what its summary says; again when late usage changed it.

The roller notes the hours that it changed. A round makes their periods due and sums up those that are over, with the
statement that answers questions; what was told last is remembered as a print. Touched hours, totals, prints and events
are of one snapshot and one transaction.
"""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from tallystick.quantity import text_of
from tallystick_receiver.errors import InvalidQuestion
from tallystick_receiver.events import Event, EventType, new_event
from tallystick_receiver.holding import Hold
from tallystick_receiver.question import Question
from tallystick_receiver.store.database import READING, set_locally
from tallystick_receiver.store.events import write_events
from tallystick_receiver.store.recorded import pieces
from tallystick_receiver.store.retention import dropped_before
from tallystick_receiver.store.scene import Scene
from tallystick_receiver.store.statements import statement
from tallystick_receiver.store.usage import UsageRow, read_rows
from tallystick_receiver.subscriptions import Subscription, is_wanted

if TYPE_CHECKING:
    import asyncpg

_log = logging.getLogger(__name__)
_UTC: Final = ZoneInfo("UTC")
_PERIODS_MAX: Final = 500
_ROWS_MAX: Final = 10_000_000
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
    async with connection.transaction(isolation="repeatable_read"):
        await connection.execute(statement("take_rolled"), forgotten_until(closing.now, closing.late))
        due = await connection.fetch(statement("read_due_periods"), closing.now - closing.grace, _PERIODS_MAX)
        if not due:
            return 0
        await set_locally(connection, READING)
        metrics = {row["metric_id"]: row for row in await connection.fetch(statement("read_metrics"))}
        groups: dict[tuple[str, datetime, datetime], list[asyncpg.Record]] = defaultdict(list)
        for row in due:
            groups[row["period"], row["starts_at"], row["ends_at"]].append(row)
        events: list[Event] = []
        looked: list[tuple[object, ...]] = []
        for (span, start, end), rows in groups.items():
            wanted = [s for s in subscriptions if s.span == span]
            totals = await _totals(connection, start, end, rows, metrics, closing.hold)
            for row in rows:
                found = [t for t in totals[row["org"]] if is_wanted(wanted, row["org"], t["metricKey"])]
                looked.append(_told(row, found, closing.now, events))
        await connection.execute(statement("write_periods"), *zip(*looked, strict=True))
        await write_events(connection, events)
    return len(due)


async def _totals(
    connection: asyncpg.Connection, start: datetime, end: datetime, rows: Sequence[asyncpg.Record],
    metrics: dict[int, Any], hold: Hold,
) -> dict[str, list[dict[str, Any]]]:  # fmt: skip
    """Totals by organisation, as /api/usage has them; none, with a word in the log, where they were dropped."""
    question = Question(
        org=None, project=None, types=(), start=start, end=end, zone=_UTC, group_by=("org",), filters={}
    )  # fmt: skip
    totals: dict[str, list[dict[str, Any]]] = defaultdict(list)
    scene = Scene(
        connection=connection, kept_from=await dropped_before(connection), metrics=metrics,
        orgs=[row["org_id"] for row in rows],
    )  # fmt: skip
    try:
        found = await read_rows(scene, question, hold, _ROWS_MAX, integrals=False)
    except InvalidQuestion as error:
        _log.warning("the period from %s is not told: %s", start, error)
        return totals
    for row in sorted(found, key=lambda row: (row.metric, row.unit)):
        totals[row.org or ""].append(_content(row))
    return totals


def _content(row: UsageRow) -> dict[str, Any]:
    return {
        "metricKey": row.metric, "unit": row.unit, "aggregationType": "sum" if row.level is None else "last",
        "totalQuantity": None if row.quantity is None else text_of(row.quantity), "recordCount": row.points,
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
