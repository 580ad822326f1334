"""The receiver's counts of its own work, by name, in /healthz and as OpenTelemetry metrics.

The names follow the Collector's. Where an OpenTelemetry SDK is configured in this process (for example by
`opentelemetry-instrument tallystick serve`), every count is the instrument `tallystick.receiver.<name>` there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation, get_meter

COUNTERS: Final = {
    "requests": "requests of OTLP and records answered",
    "requests.malformed": "requests refused whole (400, 413, 415)",
    "requests.unavailable": "requests answered with 503, to be sent again",
    "points.accepted": "points stored (a histogram is two), records, and cumulative points taken in",
    "points.duplicate": "points and records recognised as sent before, acknowledged and not added",
    "points.refused": "points and records refused, by reason",
    "points.unattributed": "points counted that an SDK's cardinality limit stripped of their organisation",
    "points.stale": "staleness marks (NO_RECORDED_VALUE), which carry no usage",
    "quarantine.lost": "refused points that the full quarantine could not keep",
    "cumulative.points": "points of cumulative streams taken in; what they add is derived from them",
    "cumulative.derived": "points derived from cumulative ones and stored",
    "cumulative.fallen": "cumulative values below one that was reached before under the same start; they add nothing",
    "commits": "database commits of usage",
    "commits.repeated": "commits begun again: a race of two receivers, a lost connection, or a new day's partition",
    "deltas.rolled": "deltas merged into rollups",
    "storage.dropped": "partitions, chunks and organisations' rollups dropped by retention",
    "collections.balanced": "announced collections that were found whole, or given up as gaps",
    "thresholds.evaluated": "thresholds evaluated for a period, because its usage changed or five minutes went by",
    "thresholds.crossed": "levels of thresholds that were reached or retracted, with an event each",
    "credits.refilled": "refills of credits booked",
    "costs.written": "rows of cost written, changed or deleted, because usage or rates changed",
    "deliveries.delivered": "deliveries of events that arrived",
    "deliveries.failed": "attempts to deliver that failed",
    "deliveries.parked": "deliveries given up until somebody has them sent again",
    "deliveries.dropped": "deliveries forgotten because an endpoint had too many, or whose event is kept no longer",
    "audit.days": "days verified by the audit in the background",
}
GAUGES: Final = {
    "deliveries.waiting": "deliveries that wait, as the leader counted them within the last minute",
    "audit.differences": "differences that the audit knows of; above 0 the books do not agree",
}


class Telemetry:
    """Counts since the start of this process, and figures as they are now.

    Args:
        provider: where the instruments are made; None for OpenTelemetry's global one.
    """

    def __init__(self, provider: MeterProvider | None = None) -> None:
        self._counts: Counter[str] = Counter()
        self._figures: dict[str, int] = {}
        meter = get_meter("tallystick.receiver", meter_provider=provider)
        for name, meaning in COUNTERS.items():
            meter.create_observable_counter(
                f"tallystick.receiver.{name}", callbacks=[_Observe(self._counts, name)], description=meaning
            )
        for name, meaning in GAUGES.items():
            meter.create_observable_gauge(
                f"tallystick.receiver.{name}", callbacks=[_Observe(self._figures, name)], description=meaning
            )

    def add(self, name: str, amount: int = 1, *, label: str = "") -> None:
        """Count something that COUNTERS names."""
        if name not in COUNTERS:
            raise KeyError(name)
        if amount:
            self._counts[f"{name}{{{label}}}" if label else name] += amount

    def set(self, name: str, figure: int) -> None:
        """Say how a figure that GAUGES names is now."""
        if name not in GAUGES:
            raise KeyError(name)
        self._figures[name] = figure

    def counts(self) -> dict[str, int]:
        """All counts that are not zero, and all figures that are known."""
        return dict(sorted((self._counts | self._figures).items()))


class _Observe:
    """Reads one name, with all its labels, when an SDK collects."""

    def __init__(self, figures: dict[str, int], name: str) -> None:
        self._figures = figures
        self._name = name

    def __call__(self, _: CallbackOptions) -> Iterable[Observation]:
        for key, figure in list(self._figures.items()):
            name, _brace, label = key.partition("{")
            if name == self._name:
                yield Observation(figure, {"reason": label.rstrip("}")} if label else {})
