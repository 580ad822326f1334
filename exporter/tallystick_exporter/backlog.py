"""Collections that were not delivered yet, oldest first; the durable spool will take this place."""

from __future__ import annotations

from collections import deque

from opentelemetry.sdk.metrics.export import MetricsData

from tallystick_exporter.restamp import points_of


class Backlog:
    """Keeps undelivered collections in memory, bounded by points.

    Args:
        points_max: when more would wait, the oldest collection is dropped and counted.
    """

    def __init__(self, points_max: int) -> None:
        self.points_max = points_max
        self.points_dropped = 0
        self._waiting: deque[tuple[MetricsData, int]] = deque()
        self._points = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, collection: MetricsData) -> int:
        """Put a collection behind the others; returns how many points were dropped to make room."""
        points = points_of(collection)
        self._waiting.append((collection, points))
        self._points += points
        dropped = 0
        while self._points > self.points_max and len(self._waiting) > 1:
            _, oldest = self._waiting.popleft()
            self._points -= oldest
            dropped += oldest
        self.points_dropped += dropped
        return dropped

    def oldest(self) -> MetricsData | None:
        """The collection to send next; it stays until `delivered`."""
        return self._waiting[0][0] if self._waiting else None

    def delivered(self) -> None:
        """The oldest one has arrived."""
        _, points = self._waiting.popleft()
        self._points -= points

    def clear(self) -> None:
        """Forget everything: in a forked child it is the parent's."""
        self._waiting.clear()
        self._points = 0
