"""The receiver's counts of its own work, by name; the names follow the Collector's."""

from __future__ import annotations

from collections import Counter
from typing import Final

COUNTERS: Final = {
    "requests": "OTLP requests answered",
    "requests.malformed": "requests refused whole (400, 413, 415)",
    "requests.unavailable": "requests answered with 503, to be sent again",
    "points.accepted": "points stored",
    "points.duplicate": "points recognised as sent before, acknowledged and not added",
    "points.refused": "points refused, by reason",
    "points.stale": "staleness marks (NO_RECORDED_VALUE), which carry no usage",
    "quarantine.lost": "refused points that the full quarantine could not keep",
    "commits": "database commits of usage",
    "commits.repeated": "commits begun again: a race of two receivers, or a lost connection",
    "deltas.rolled": "deltas merged into rollups",
}


class Telemetry:
    """Counts since the start of this process."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, name: str, amount: int = 1, *, label: str = "") -> None:
        """Count something that COUNTERS names."""
        if name not in COUNTERS:
            raise KeyError(name)
        if amount:
            self._counts[f"{name}{{{label}}}" if label else name] += amount

    def counts(self) -> dict[str, int]:
        """All counts that are not zero."""
        return dict(sorted(self._counts.items()))
