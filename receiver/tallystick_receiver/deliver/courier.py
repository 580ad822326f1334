"""The courier: takes deliveries that are due, makes many attempts at once, and notes what became of them.

One receiver leads. An attempt is counted before it is made and noted afterwards; whatever happens in between, the
delivery is due again, and goes out under the same id.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from tallystick_receiver.deliveries import (
    Attempt,
    Delivered,
    Failed,
    Gone,
    Kind,
    Outcome,
    Persistence,
    State,
    Verdict,
    judge,
)
from tallystick_receiver.store.deliveries import claim_deliveries, limit_deliveries, note_deliveries
from tallystick_receiver.store.duty import Duty
from tallystick_receiver.store.webhooks import disable_webhook

if TYPE_CHECKING:
    import asyncpg

    from tallystick_receiver.store.database import Database
    from tallystick_receiver.telemetry import Telemetry

_log = logging.getLogger(__name__)
_LOCK: Final = 0x7A11_0008
_STATEMENT_SECONDS: Final = 30.0
_LEASE_MARGIN: Final = timedelta(seconds=5)
_FAREWELL_SECONDS: Final = 1.5
_LIMIT_EVERY: Final = timedelta(minutes=1)
_FAILING_SLOTS: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CourierPlan:
    """What the operator wants of deliveries.

    Attributes:
        seconds: pause between two looks for what is due.
        attempt_seconds_max: bound of one attempt.
        kept: how long what ended is kept.
        lane_most: how many deliveries of a lane may wait, and how many may be parked.
    """

    seconds: float
    attempt_seconds_max: float
    persistence: Persistence
    kept: timedelta
    lane_most: int


class Office:
    """One way of sending, with slots of its own: no lane holds more than its share, a failing one a single slot.

    Args:
        kinds: of deliveries.
        send: makes an attempt; its time is bounded by the courier.
        slots: attempts at once.
        lane_slots: attempts at once of a lane.
    """

    def __init__(
        self, kinds: Collection[Kind], send: Callable[[Attempt], Awaitable[Outcome]], *, slots: int, lane_slots: int
    ) -> None:
        self.kinds = kinds
        self.send = send
        self.lane_slots = lane_slots
        self._slots = slots
        self._busy: Counter[str] = Counter()
        self._failing: set[str] = set()

    @property
    def free(self) -> int:
        """How many attempts may begin."""
        return self._slots - self._busy.total()

    def free_of_lanes(self) -> dict[str, int]:
        """The same of each lane that has less than all its slots."""
        return {
            lane: max((_FAILING_SLOTS if lane in self._failing else self.lane_slots) - self._busy[lane], 0)
            for lane in {*self._busy, *self._failing}
        }

    def begin(self, lane: str) -> None:
        """An attempt takes a slot."""
        self._busy[lane] += 1

    def end(self, lane: str, *, is_failing: bool) -> None:
        """It gives it back."""
        self._busy[lane] -= 1
        if not self._busy[lane]:
            del self._busy[lane]
        if is_failing:
            self._failing.add(lane)
        else:
            self._failing.discard(lane)


class Courier:
    """Delivers as long as this receiver leads.

    Args:
        database: where deliveries are.
        telemetry: counts them.
        offices: the ways of sending; none waits for another.
        plan: what the operator wants.
        now_ns: the wall clock.
    """

    def __init__(
        self, database: Database, telemetry: Telemetry, offices: Sequence[Office], plan: CourierPlan,
        now_ns: Callable[[], int],
    ) -> None:  # fmt: skip
        self._telemetry = telemetry
        self._offices = offices
        self._plan = plan
        self._now_ns = now_ns
        self._attempts: set[asyncio.Task[None]] = set()
        self._ended: list[tuple[Verdict, Attempt, Outcome]] = []
        self._news = asyncio.Event()
        self._is_stopping = False
        self._is_idle = asyncio.Event()
        self._is_idle.set()
        self._limited_at: datetime | None = None
        self._duty = Duty(
            database, name="delivering", lock=_LOCK, seconds=plan.seconds, statement_seconds_max=_STATEMENT_SECONDS,
            work=self._lead, at_once=True,
        )  # fmt: skip

    def start(self) -> None:
        """Begin."""
        self._duty.start()

    async def stop(self) -> None:
        """End; attempts under way get a moment, and what is cut off is repeated by the next leader.

        The lead is left before the duty is cancelled: a statement that is cancelled in the middle spoils its
        connection, and what the last attempts came to could not be noted any more.
        """
        self._is_stopping = True
        self._news.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(_FAREWELL_SECONDS + 1):
                await self._is_idle.wait()
        await self._duty.stop()
        for attempt in self._attempts:
            attempt.cancel()
        if self._attempts:
            await asyncio.wait(self._attempts, timeout=1)

    async def _lead(self, connection: asyncpg.Connection) -> None:
        """Deliver until the connection, and with it the lead, is lost; attempts under way go on and are noted later."""
        self._is_idle.clear()
        try:
            while not self._is_stopping:
                await self._note(connection)
                await self._limit(connection)
                for office in self._offices:
                    await self._begin(connection, office)
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._plan.seconds):
                        await self._news.wait()
                self._news.clear()
            if self._attempts:
                await asyncio.wait(self._attempts, timeout=_FAREWELL_SECONDS)
            await self._note(connection)
        finally:
            self._is_idle.set()

    async def _begin(self, connection: asyncpg.Connection, office: Office) -> None:
        if office.free <= 0:
            return
        now = self._now()
        lease = timedelta(seconds=self._plan.attempt_seconds_max) + _LEASE_MARGIN
        taken = await claim_deliveries(
            connection, office.kinds, now=now, lease_end=now + lease, most=office.free,
            lane_most=office.lane_slots, free=office.free_of_lanes(),
        )  # fmt: skip
        for attempt in taken:
            office.begin(attempt.lane)
            task = asyncio.create_task(self._try(office, attempt), name=f"delivery {attempt.number}")
            self._attempts.add(task)
            task.add_done_callback(self._attempts.discard)

    async def _try(self, office: Office, attempt: Attempt) -> None:
        outcome: Outcome = Failed("it was cut off")
        try:
            async with asyncio.timeout(self._plan.attempt_seconds_max):
                outcome = await office.send(attempt)
        except TimeoutError:
            outcome = Failed(f"no answer within {self._plan.attempt_seconds_max:g} s")
        except Exception as error:  # noqa: BLE001 - the outermost frame of an attempt
            _log.exception("delivery %d failed in an unforeseen way", attempt.number)
            outcome = Failed(f"something unforeseen went wrong: {type(error).__name__}")
        finally:
            office.end(attempt.lane, is_failing=isinstance(outcome, Failed))
            jitter = random.random()  # noqa: S311 - spreads retries, keeps no secret
            verdict = judge(attempt, outcome, self._plan.persistence, self._now(), jitter)
            self._ended.append((verdict, attempt, outcome))
            self._news.set()

    async def _note(self, connection: asyncpg.Connection) -> None:
        """Write down what ended; it is forgotten only when that is committed."""
        ended, now = list(self._ended), self._now()
        if not ended:
            return
        gone = {(a.webhook.id, o.error) for _, a, o in ended if isinstance(o, Gone) and a.webhook is not None}
        async with connection.transaction():
            await note_deliveries(connection, [verdict for verdict, _, _ in ended], now)
            for webhook, error in sorted(gone):
                await disable_webhook(connection, webhook, error, now)
        del self._ended[: len(ended)]
        for verdict, attempt, outcome in ended:
            self._count(verdict, attempt, outcome)

    def _count(self, verdict: Verdict, attempt: Attempt, outcome: Outcome) -> None:
        if isinstance(outcome, Delivered):
            self._telemetry.add("deliveries.delivered")
            return
        self._telemetry.add("deliveries.failed")
        if verdict.state is State.PARKED:
            self._telemetry.add("deliveries.parked")
            _log.warning("delivery %d of %s is parked: %s", attempt.number, attempt.event, verdict.error)

    async def _limit(self, connection: asyncpg.Connection) -> None:
        now = self._now()
        if self._limited_at is not None and timedelta() <= now - self._limited_at < _LIMIT_EVERY:
            return
        stock = await limit_deliveries(
            connection, now=now, before=now - self._plan.kept, lane_most=self._plan.lane_most
        )  # fmt: skip
        self._limited_at = now
        self._telemetry.add("deliveries.parked", stock.parked_now)
        self._telemetry.add("deliveries.dropped", stock.dropped_now)
        self._telemetry.set("deliveries.waiting", stock.waiting)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._now_ns() / 1e9, UTC)
