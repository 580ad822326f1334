"""The audit: verification in the background, today again and again and in between one older day after the other."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from tallystick_receiver.store.copies import find_copies
from tallystick_receiver.store.duty import Duty
from tallystick_receiver.store.verify import first_day, verify

if TYPE_CHECKING:
    import asyncpg

    from tallystick_receiver.store.database import Database
    from tallystick_receiver.telemetry import Telemetry

_log = logging.getLogger(__name__)
_LOCK: Final = 0x7A11_0004
_STATEMENT_SECONDS: Final = 3600.0
_DAY: Final = timedelta(days=1)


@dataclass(slots=True)
class AuditReport:
    """What the audit of this process knows; only the leader among several receivers audits.

    Attributes:
        days_verified: how many rounds there were.
        at: when the last one ended.
        last: the day it looked at.
        differing: differences by day, until the day is found right again.
    """

    days_verified: int = 0
    at: datetime | None = None
    last: date | None = None
    differing: dict[date, int] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """`pending` before the first round, `differs` as long as some day does, else `passed`."""
        if self.differing:
            return "differs"
        return "passed" if self.days_verified else "pending"

    @property
    def differences(self) -> int:
        """Differences on all days that differ."""
        return sum(self.differing.values())


class Audit:
    """Verifies a day in each round."""

    def __init__(self, database: Database, telemetry: Telemetry, *, seconds: float, now_ns: Callable[[], int]) -> None:
        self.report = AuditReport()
        self._telemetry = telemetry
        self._now_ns = now_ns
        self._next: datetime | None = None
        self._duty = Duty(
            database, name="audit", lock=_LOCK, seconds=seconds, statement_seconds_max=_STATEMENT_SECONDS,
            work=self._round,
        )  # fmt: skip

    def start(self) -> None:
        """Begin; the first round comes after the first pause."""
        self._duty.start()

    async def stop(self) -> None:
        """End."""
        await self._duty.stop()

    async def _round(self, connection: asyncpg.Connection) -> None:
        now = datetime.fromtimestamp(self._now_ns() / 1e9, UTC)
        today = now.replace(hour=0, minute=0, second=0, microsecond=0)
        if self.report.days_verified % 2 == 0:
            await self._verify(connection, today)
        else:
            await self._verify(connection, await self._older(connection, today))

    async def _older(self, connection: asyncpg.Connection, today: datetime) -> datetime:
        """Yesterday, the day before, and so on to the first, then yesterday again."""
        first = await first_day(connection)
        if self._next is None or first is None or self._next < first:
            self._next = today - _DAY
        day = self._next
        self._next = day - _DAY
        return day

    async def _verify(self, connection: asyncpg.Connection, day: datetime) -> None:
        found = await verify(connection, start=day, end=day + _DAY)
        await find_copies(connection, day, day + _DAY)
        report = self.report
        report.differing.pop(day.date(), None)
        if found.count:
            report.differing[day.date()] = found.count
            first = found.differences[0]
            _log.error("the books of %s differ in %d places, first: %s; 'tallystick verify' shows more",
                       day.date(), found.count, first)  # fmt: skip
        report.days_verified += 1
        report.last, report.at = day.date(), datetime.fromtimestamp(self._now_ns() / 1e9, UTC)
        self._telemetry.add("audit.days")
        self._telemetry.set("audit.differences", report.differences)
