"""Parcels that are in memory only, oldest first: until they are delivered, or on disk."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import Condition

from tallystick_exporter.parcel import Parcel


class Backlog:
    """Keeps parcels in memory, bounded by points; safe between threads.

    Args:
        points_max: when more would wait, the oldest parcels are dropped. One parcel is always kept.
        dropped: told of each that was, after the fact.
    """

    def __init__(self, points_max: int, dropped: Callable[[Parcel], None]) -> None:
        self._points_max = points_max
        self._dropped = dropped
        self._changed = Condition()
        self._waiting: deque[Parcel] = deque()
        self._points = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, parcel: Parcel) -> bool:
        with self._changed:
            return parcel in self._waiting

    def add(self, parcel: Parcel) -> None:
        """Put a parcel behind the others."""
        dropped = []
        with self._changed:
            self._waiting.append(parcel)
            self._points += parcel.points
            while self._points > self._points_max and len(self._waiting) > 1:
                oldest = self._waiting.popleft()
                self._points -= oldest.points
                dropped.append(oldest)
        for oldest in dropped:
            self._dropped(oldest)

    def oldest(self) -> Parcel | None:
        """The parcel to send next; it stays until it is removed."""
        with self._changed:
            return self._waiting[0] if self._waiting else None

    def waiting(self) -> list[Parcel]:
        """All of them, oldest first."""
        with self._changed:
            return list(self._waiting)

    def remove(self, parcel: Parcel) -> bool:
        """It was delivered, or is on disk; False: it was no longer here."""
        with self._changed:
            if parcel not in self._waiting:
                return False
            self._waiting.remove(parcel)
            self._points -= parcel.points
            self._changed.notify_all()
            return True

    def wait_until_empty(self, seconds: float) -> bool:
        """Wait until all were delivered; returns whether they were."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting, max(seconds, 0))
