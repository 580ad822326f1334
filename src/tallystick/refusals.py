"""What was not recorded: counted by reason, and logged once a reason."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from enum import StrEnum
from logging import getLogger
from threading import RLock
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

_logger = getLogger("tallystick")

ReasonT = TypeVar("ReasonT", bound=StrEnum)


class Refusals(Generic[ReasonT]):
    """Counts, and says the first of each reason aloud. Never raises.

    Args:
        meaning: a sentence for each reason.
        counted_in: where an application reads the counts.
    """

    def __init__(self, meaning: Mapping[ReasonT, str], counted_in: str) -> None:
        self._meaning = meaning
        self._counted_in = counted_in
        self.forget()

    def forget(self) -> None:
        """Start at zero with a fresh lock: for a forked child."""
        # Re-entrant for the same reason as the lock of Pending.
        self._lock = RLock()
        self._counts: Counter[ReasonT] = Counter()

    def count(self, reason: ReasonT) -> None:
        """Count one refusal."""
        with self._lock:
            self._counts[reason] += 1
            is_first = self._counts[reason] == 1
        if is_first:
            # A handler of the application may raise; that is no reason to fail its request.
            with suppress(Exception):
                _logger.warning(
                    "Usage not recorded: %s (%s). Further ones are counted in %s.",
                    self._meaning[reason],
                    reason.value,
                    self._counted_in,
                )

    def counts(self) -> dict[ReasonT, int]:
        """How often each reason was met."""
        with self._lock:
            return dict(self._counts)
