"""Collections that were not delivered yet, oldest first; the durable spool will take this place."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from threading import Lock

from opentelemetry.sdk.metrics.export import MetricsData

from tallystick_exporter.pieces import points_of


@dataclass(frozen=True, slots=True, eq=False)
class Undelivered:
    """A piece of a collection, with the times and the identity it was collected with."""

    piece: MetricsData
    points: int


class Backlog:
    """Keeps undelivered pieces in memory, bounded by points; safe between threads.

    Args:
        points_max: when more would wait, the oldest pieces are dropped and counted. One piece is always kept.
    """

    def __init__(self, points_max: int) -> None:
        self.points_max = points_max
        self.points_dropped = 0
        self._lock = Lock()
        self._waiting: deque[Undelivered] = deque()
        self._points = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, piece: MetricsData) -> int:
        """Put a piece behind the others; returns how many points were dropped to make room."""
        added = Undelivered(piece, points_of(piece))
        dropped = 0
        with self._lock:
            self._waiting.append(added)
            self._points += added.points
            while self._points > self.points_max and len(self._waiting) > 1:
                dropped += self._pop().points
            self.points_dropped += dropped
        return dropped

    def oldest(self) -> Undelivered | None:
        """The piece to send next; it stays until it is `settled`."""
        with self._lock:
            return self._waiting[0] if self._waiting else None

    def settled(self, undelivered: Undelivered) -> None:
        """The oldest piece needs no further try. If it was dropped meanwhile, nothing happens."""
        with self._lock:
            if self._waiting and self._waiting[0] is undelivered:
                self._pop()

    def _pop(self) -> Undelivered:
        oldest = self._waiting.popleft()
        self._points -= oldest.points
        return oldest
