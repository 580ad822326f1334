"""What was not recorded: counted by reason, and logged once a reason."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from logging import getLogger
from threading import RLock
from typing import TYPE_CHECKING

from tallystick.validity import MEANING

if TYPE_CHECKING:
    from tallystick.validity import NotRecorded

_logger = getLogger("tallystick")


class Refusals:
    """Counts, and says the first of each reason aloud. Never raises."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Start at zero with a fresh lock: for a forked child."""
        # Re-entrant for the same reason as the lock of Pending.
        self._lock = RLock()
        self._counts: Counter[NotRecorded] = Counter()

    def count(self, reason: NotRecorded) -> None:
        """Count one refusal."""
        with self._lock:
            self._counts[reason] += 1
            is_first = self._counts[reason] == 1
        if is_first:
            # A handler of the application may raise; that is no reason to fail its request.
            with suppress(Exception):
                _logger.warning(
                    "Usage not recorded: %s (%s). Further ones are counted in Metering.refused.",
                    MEANING[reason],
                    reason.value,
                )

    def counts(self) -> dict[NotRecorded, int]:
        """How often each reason was met."""
        with self._lock:
            return dict(self._counts)
