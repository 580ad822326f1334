"""The exporter: keeps what it was given until a receiver took it, piece by piece, oldest first."""

from __future__ import annotations

import os
from collections.abc import Mapping
from logging import getLogger
from threading import Lock
from typing import Final
from weakref import ref

from opentelemetry.context import attach, detach, set_value
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData

from tallystick_exporter.backlog import Backlog
from tallystick_exporter.pieces import pieces, points_of
from tallystick_exporter.temporality import delta_temporality
from tallystick_exporter.wire import Destination, Outcome, Wire

_log = getLogger(__name__)

POINTS_A_REQUEST_MAX: Final = 5_000
BACKLOG_POINTS_MAX: Final = 1_000_000


class UsageExporter(MetricExporter):
    """Sends collections to a Tallystick receiver, or to a Collector before it.

    What could not be sent waits in memory and goes out before anything newer, with its own times, at the next
    export. That a piece may have arrived although its answer did not is harmless: the receiver recognises it.

    All arguments are optional; what is not given comes from OpenTelemetry's own variables
    (OTEL_EXPORTER_OTLP_METRICS_ENDPOINT, OTEL_EXPORTER_OTLP_ENDPOINT, ..._HEADERS, ..._COMPRESSION, ..._TIMEOUT),
    and the endpoint is http://127.0.0.1:4318/v1/metrics when none is set.

    Args:
        endpoint: the full URL, such as http://127.0.0.1:4318/v1/metrics.
        headers: sent with every request, such as Authorization.
        compression: none, gzip or deflate.
        timeout: seconds for all tries of one request.
        points_a_request_max: a collection with more points is sent in several requests.
        backlog_points_max: points that may wait for a receiver that is away; then the oldest are dropped.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        compression: str | None = None,
        timeout: float | None = None,
        points_a_request_max: int = POINTS_A_REQUEST_MAX,
        backlog_points_max: int = BACKLOG_POINTS_MAX,
    ) -> None:
        super().__init__(preferred_temporality=delta_temporality())
        self._destination = Destination(endpoint=endpoint, headers=headers, compression=compression, timeout=timeout)
        self._points_a_request_max = points_a_request_max
        self._backlog_points_max = backlog_points_max
        self._begin()
        _begin_anew_in_children(self)

    def _begin(self) -> None:
        self._sending = Lock()
        self._backlog = Backlog(self._backlog_points_max)
        self._wire = Wire(self._destination)
        self.points_refused = 0
        """Points that no receiver will take: refused with 400, or impossible to encode."""

    @property
    def points_dropped(self) -> int:
        """Points that the full backlog had to drop."""
        return self._backlog.points_dropped

    @property
    def waiting(self) -> int:
        """Pieces of collections that were not delivered yet."""
        return len(self._backlog)

    def keep(self, collection: MetricsData) -> None:
        """Take a collection over; it waits for `deliver()`. Never blocks."""
        dropped = sum(map(self._backlog.add, pieces(collection, self._points_a_request_max)))
        if dropped:
            _log.error("The receiver is away for too long: %d points of usage are lost.", dropped)

    def deliver(self) -> bool:
        """Send what waits, oldest first, until a piece must wait; returns whether nothing is left."""
        with self._sending:
            token = attach(set_value("suppress_instrumentation", value=True))
            try:
                while (oldest := self._backlog.oldest()) is not None:
                    if not self._settle(oldest.piece):
                        return False
                    self._backlog.settled(oldest)
            finally:
                detach(token)
        return True

    def _settle(self, piece: MetricsData) -> bool:
        """Send a piece; False: it must be sent again later, in whole."""
        outcome = self._wire.send(piece)
        if outcome in (Outcome.DELIVERED, Outcome.LATER):
            return outcome is Outcome.DELIVERED
        points = points_of(piece)
        if outcome is Outcome.REFUSED or points == 1:
            self.points_refused += points
            _log.error("%d points of usage will never be accepted and are lost: %s.", points, outcome.name.lower())
            return True
        # One bad point must not spoil the others: it is found by halving.
        return all(self._settle(half) for half in pieces(piece, (points + 1) // 2))

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **_: object) -> MetricExportResult:  # noqa: ARG002
        """Send a collection behind what waits; FAILURE: something still waits for the next export.

        The time for a request is `timeout`, not `timeout_millis`, as in OpenTelemetry's own exporter.
        """
        self.keep(metrics_data)
        return MetricExportResult.SUCCESS if self.deliver() else MetricExportResult.FAILURE

    def force_flush(self, timeout_millis: float = 10_000) -> bool:  # noqa: ARG002
        """Send what waits."""
        return self.deliver()

    def shutdown(self, timeout_millis: float = 30_000, **_: object) -> None:
        """Close the connections. What still waits is lost, counted in `waiting` and logged."""
        if self.waiting:
            _log.error("%d requests of usage could not be delivered before the end.", self.waiting)
        self._wire.shutdown(timeout_millis)

    def forget(self) -> None:
        """Begin anew in a forked child: its parent sends what waits, over connections of its own."""
        self._begin()


def _begin_anew_in_children(exporter: UsageExporter) -> None:
    found = ref(exporter)

    def forget() -> None:
        alive = found()
        if alive is not None:
            alive.forget()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=forget)
