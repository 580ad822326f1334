"""Requests wait, are committed together, and are answered after the commit: the one lane into the database."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

from tallystick.refusal import Reason
from tallystick_receiver.errors import StoreRejected, Unavailable
from tallystick_receiver.ledger import Became
from tallystick_receiver.points import Batch
from tallystick_receiver.staging import Verdict
from tallystick_receiver.telemetry import Telemetry

_log = logging.getLogger(__name__)


class Sink(Protocol):
    """Where batches become durable."""

    async def write(self, batches: list[Batch]) -> list[Verdict]:
        """Store all of them or raise Unavailable or StoreRejected."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of the points of one request; of records, by their place in the request, each by itself."""

    accepted: int
    duplicates: int
    refused: int
    records: dict[int, Became] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Waiting:
    batch: Batch
    answer: asyncio.Future[Verdict]

    @property
    def size(self) -> int:
        batch = self.batch
        points = len(batch.points) + len(batch.cumulative) + len(batch.records or ())
        return points + len(batch.refused) + len(batch.announcements) + 1


class Ingest:
    """Groups requests into commits: while one commit runs, what arrives waits and forms the next one.

    Args:
        sink: where batches become durable.
        telemetry: what is counted.
        points_waiting_max: points that may wait; more are Unavailable.
        points_per_commit_max: points of one commit, unless a single request has more.
        answer_seconds_max: how long a sender waits for its answer.
    """

    def __init__(
        self, sink: Sink, telemetry: Telemetry, *, points_waiting_max: int, points_per_commit_max: int,
        answer_seconds_max: float,
    ) -> None:  # fmt: skip
        self._sink = sink
        self._telemetry = telemetry
        self._points_waiting_max = points_waiting_max
        self._points_per_commit_max = points_per_commit_max
        self._answer_seconds_max = answer_seconds_max
        self._queue: deque[_Waiting] = deque()
        self._waiting = 0
        self._arrived = asyncio.Event()
        self._stopping = False
        self._lane: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Open the lane."""
        self._lane = asyncio.create_task(self._run(), name="ingest")

    async def stop(self, seconds_max: float) -> None:
        """Take nothing more, commit what waits, close the lane; what remains after the time is not answered."""
        self._stopping = True
        self._arrived.set()
        if self._lane is not None:
            _, late = await asyncio.wait([self._lane], timeout=seconds_max)
            for task in late:
                task.cancel()
        self._give_up(list(self._queue), Unavailable("the receiver stops"))

    async def submit(self, batch: Batch) -> Receipt:
        """Have a request committed.

        Raises:
            Unavailable: it is not known to be stored; sending it again is harmless.
        """
        if self._stopping:
            raise Unavailable("the receiver stops")
        points = len(batch.points) or len(batch.cumulative) or len(batch.records or ())
        if not (points or batch.refused or batch.announcements):
            return self._receipt(batch, Verdict(accepted=0, duplicates=0, conflicts=batch.points))
        waiting = _Waiting(batch, asyncio.get_running_loop().create_future())
        if self._waiting and self._waiting + waiting.size > self._points_waiting_max:
            raise Unavailable(f"{self._waiting} points wait already")
        self._queue.append(waiting)
        self._waiting += waiting.size
        self._arrived.set()
        try:
            verdict = await asyncio.wait_for(waiting.answer, self._answer_seconds_max)
        except TimeoutError:
            raise Unavailable(f"not committed within {self._answer_seconds_max:g} s") from None
        return self._receipt(batch, verdict)

    def _receipt(self, batch: Batch, verdict: Verdict) -> Receipt:
        reasons = [point.reason for point in batch.refused]
        records_refused = [found for found in verdict.records.values() if isinstance(found, Reason)]
        if batch.records is not None:
            records_refused += [refused.reason for refused in batch.records.refused.values()]
        refused = batch.refused_count + verdict.refused + len(records_refused)
        self._telemetry.add("points.accepted", verdict.accepted)
        self._telemetry.add("points.duplicate", verdict.duplicates)
        self._telemetry.add("points.unattributed", batch.unattributed)
        self._telemetry.add("points.stale", batch.staleness_marks)
        self._telemetry.add("points.refused", verdict.refused, label="conflict")
        for reason in (*reasons, *records_refused):
            self._telemetry.add("points.refused", label=reason.value)
        self._telemetry.add("quarantine.lost", batch.refused_count - len(batch.refused))
        return Receipt(
            accepted=verdict.accepted, duplicates=verdict.duplicates, refused=refused, records=verdict.records
        )

    async def _run(self) -> None:
        while True:
            await self._arrived.wait()
            group = self._next_group()
            if not group:
                if self._stopping:
                    return
                self._arrived.clear()
                continue
            try:
                await self._commit(group)
            except Exception as error:  # noqa: BLE001 - the outermost loop of a background task
                _log.exception("a commit failed in an unforeseen way")
                self._give_up(group, Unavailable(f"unforeseen: {type(error).__name__}"))

    def _next_group(self) -> list[_Waiting]:
        group: list[_Waiting] = []
        size = 0
        while self._queue and (not group or size + self._queue[0].size <= self._points_per_commit_max):
            waiting = self._queue.popleft()
            self._waiting -= waiting.size
            if not waiting.answer.done():
                group.append(waiting)
                size += waiting.size
        return group

    async def _commit(self, group: list[_Waiting]) -> None:
        try:
            verdicts = await self._sink.write([waiting.batch for waiting in group])
        except Unavailable as error:
            self._give_up(group, error)
        except StoreRejected as error:
            await self._isolate(group, error)
        else:
            for waiting, verdict in zip(group, verdicts, strict=True):
                if not waiting.answer.done():
                    waiting.answer.set_result(verdict)

    async def _isolate(self, group: list[_Waiting], error: StoreRejected) -> None:
        """One request that the database refuses must not fail its neighbours."""
        if len(group) == 1:
            _log.error("the database refuses the content of a request: %s", error)
            self._give_up(group, Unavailable(f"the database refuses the content: {error}"))
            return
        for waiting in group:
            await self._commit([waiting])

    def _give_up(self, group: list[_Waiting], error: Unavailable) -> None:
        for waiting in group:
            if not waiting.answer.done():
                waiting.answer.set_exception(error)
