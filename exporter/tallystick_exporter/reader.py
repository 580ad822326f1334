"""The reader: collects at wall-clock ticks, never waits for the network, survives forks."""

from __future__ import annotations

import os
from collections.abc import Callable
from logging import getLogger
from threading import Event, RLock, Thread, get_ident
from time import monotonic, time_ns
from typing import Final
from weakref import ref

from opentelemetry.context import attach, detach, get_value, set_value
from opentelemetry.sdk.metrics.export import MetricReader, MetricsData
from opentelemetry.sdk.resources import Resource

from tallystick.outlet import DISCARDING
from tallystick_exporter.clock import Span, next_span, next_tick
from tallystick_exporter.courier import Courier
from tallystick_exporter.exporter import BACKLOG_POINTS_MAX, UsageExporter
from tallystick_exporter.options import cardinality_options, interval_ns_of
from tallystick_exporter.restamp import Identity, restamped
from tallystick_exporter.tally import Tally
from tallystick_exporter.temporality import delta_temporality
from tallystick_exporter.termination import FINISH_SECONDS, finish_on_sigterm, finished, released

_log = getLogger(__name__)

_COLLECT_SECONDS: Final = 30.0
"""For the callbacks of observable instruments, as OpenTelemetry's own reader has it."""
_PATIENCE_SECONDS: Final = 1.0
"""How long a collection may wait for the receiver's answer before it is written to disk."""
_FORK_SECONDS: Final = 5.0
"""How long a fork waits for a collection under way."""
_DISCARD_SECONDS: Final = 2.0
"""How long a forked child waits for the SDK to hand over what its parent will send."""


class UsageReader(MetricReader):
    """Collects usage at multiples of the interval on the wall clock and exports it as deltas.

    Buildable without arguments, which is how OTEL_METRICS_EXPORTER=tallystick makes it.

    Args:
        exporter: where collections go; default: OTLP/HTTP as OpenTelemetry's variables say.
        endpoint: the full URL for the default exporter, such as http://127.0.0.1:4318/v1/metrics.
        export_interval_millis: default OTEL_METRIC_EXPORT_INTERVAL, else 10,000.
        cardinality_limit: attribute sets of one instrument in one collection before the SDK sums the rest without
            attributes; default TALLYSTICK_CARDINALITY_LIMIT, else 1,000,000. SDKs before 1.45.2 have no limit.
        backlog_points_max: points that the default exporter keeps in memory when it cannot keep them on disk.
        now_ns: the wall clock in nanoseconds.
    """

    def __init__(
        self,
        exporter: UsageExporter | None = None,
        *,
        endpoint: str | None = None,
        export_interval_millis: float | None = None,
        cardinality_limit: int | None = None,
        backlog_points_max: int = BACKLOG_POINTS_MAX,
        now_ns: Callable[[], int] = time_ns,
    ) -> None:
        super().__init__(preferred_temporality=delta_temporality(), **cardinality_options(cardinality_limit))
        self._exporter = exporter or UsageExporter(endpoint, backlog_points_max=backlog_points_max)
        self._interval_ns = interval_ns_of(export_interval_millis)
        self._now_ns = now_ns
        self._identity = Identity()
        self._last_end_ns = self._last_collected_ns = now_ns()
        self._tally = Tally(self._last_end_ns, self._interval_ns)
        self._span: Span | None = None
        self._resource: Resource | None = None
        self._is_last = self._is_shut_down = self._is_terminated = False
        self._forking: set[int] = set()
        self._complaints: set[type[Exception]] = set()
        self._collecting = RLock()
        self._start()
        _survive_forks(self)
        finish_on_sigterm(self)

    @property
    def points_dropped(self) -> int:
        """Points that waited for too long, or found no room."""
        return self._exporter.points_dropped

    def _start(self) -> None:
        self._stop = Event()
        self._courier = Courier(self._exporter)
        self._ticker = Thread(target=self._run, name="tallystick-usage-reader", daemon=True)
        self._ticker.start()

    def _run(self) -> None:
        stop = self._stop
        is_stopping = False
        while not is_stopping:
            now_ns = self._now_ns()
            tick_ns = next_tick(now_ns, self._interval_ns)
            # In steps of a second at most, for the wall clock may step while we wait; back, there is an earlier tick.
            while not is_stopping and now_ns < tick_ns:
                is_stopping = stop.wait(min((tick_ns - now_ns) / 1e9, 1.0))
                now_ns = self._now_ns()
                tick_ns = min(tick_ns, next_tick(now_ns, self._interval_ns))
                # Of a flush, whose caller does not wait for the disk.
                self._exporter.secure_late(_PATIENCE_SECONDS)
            self._is_last = is_stopping
            self._collect_at(None if is_stopping else tick_ns, _COLLECT_SECONDS)
            self._courier.ask()
            self._exporter.secure(_PATIENCE_SECONDS)
        if self._is_terminated:
            self._courier.flush(FINISH_SECONDS)
            finished(self)

    def _collect_at(self, at_ns: int | None, timeout_seconds: float) -> bool:
        """Collect at a tick, or now; False: it failed, which is logged once a kind."""
        try:
            with self._collecting:
                self._span = span = self._next_span(at_ns)
                try:
                    self.collect(timeout_millis=timeout_seconds * 1e3)
                    if self._span is not None:
                        self._keep_idle(span)
                finally:
                    self._span = None
        except Exception as error:  # noqa: BLE001 - the outermost loop: the thread must live on
            if type(error) not in self._complaints:
                self._complaints.add(type(error))
                _log.exception("Usage could not be collected; it is tried again at the next tick.")
            return False
        return True

    def _receive_metrics(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **_: object) -> None:  # noqa: ARG002
        """Take a collection over from the SDK, which has forgotten it already."""
        with self._collecting:
            if get_value(DISCARDING):
                for found in metrics_data.resource_metrics:
                    self._identity.of(found.resource)
                return
            span = self._span or self._next_span(None)
            self._span = None
            stamped = restamped(metrics_data, span, self._identity)
            self._resource = stamped.resource_metrics[0].resource
            self._exporter.keep(self._tally.cut(stamped, span, self._resource, is_last=self._is_last))

    def _keep_idle(self, span: Span) -> None:
        """Nothing was recorded, which is different from no news."""
        if self._resource is None and (found := _resource_of(self)) is not None:
            self._resource = self._identity.of(found)
        if self._resource is not None and not get_value(DISCARDING):
            self._exporter.keep(self._tally.cut(MetricsData([]), span, self._resource, is_last=self._is_last))

    def _next_span(self, at_ns: int | None) -> Span:
        """What is collected now; it counts as covered even when there is nothing to collect."""
        now_ns = self._now_ns()
        span = next_span(self._last_end_ns, self._last_collected_ns, now_ns if at_ns is None else at_ns)
        self._last_end_ns, self._last_collected_ns = span.end_ns, now_ns
        return span

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Collect now and send; False when something could not be sent in time."""
        deadline = monotonic() + timeout_millis / 1e3
        is_collected = self._collect_at(None, timeout_millis / 1e3)
        return self._courier.flush(deadline - monotonic()) and is_collected

    def shutdown(self, timeout_millis: float = 30_000, **_: object) -> None:
        """Collect a last time, send, and close the exporter, all within the timeout.

        Needs no new thread, for there is none to be had when the interpreter exits.
        """
        if self._is_shut_down:
            return
        self._is_shut_down = True
        deadline = monotonic() + timeout_millis / 1e3
        self._stop.set()
        self._ticker.join(max(deadline - monotonic(), 0))
        self._courier.flush(deadline - monotonic())
        self._exporter.shutdown()
        released(self)

    def terminate(self) -> None:
        """SIGTERM: the reader's own thread collects a last time, sends, and ends the process."""
        self._is_terminated = True
        self._stop.set()

    def before_fork(self) -> None:
        """No collection should be under way while the process is copied; but a stuck one must not stop a fork."""
        if self._collecting.acquire(timeout=_FORK_SECONDS):
            self._forking.add(get_ident())

    def after_fork_in_parent(self) -> None:
        """Go on."""
        if get_ident() in self._forking:
            self._forking.discard(get_ident())
            self._collecting.release()

    def after_fork_in_child(self) -> None:
        """Throw away what the parent will send: deltas that were copied inside the SDK."""
        self._forking = set()
        self._collecting = RLock()
        if self._is_shut_down:
            return
        # A lock inside the SDK may be held by a thread that does not exist here; it must not hold the child up.
        discard = Thread(target=self._discard, daemon=True)
        discard.start()
        discard.join(_DISCARD_SECONDS)
        self._identity.forked()
        self._resource = None
        self._tally = Tally(self._last_end_ns, self._interval_ns)
        self._start()

    def _discard(self) -> None:
        token = attach(set_value(DISCARDING, value=True))
        try:
            self._collect_at(None, _DISCARD_SECONDS)
        finally:
            detach(token)


def _resource_of(reader: MetricReader) -> Resource | None:
    """The provider's resource before the first collection brings it: SDKs have no public way to it."""
    consumer = getattr(getattr(reader, "_collect", None), "__self__", None)
    found = getattr(getattr(consumer, "_sdk_config", None), "resource", None)
    return found if isinstance(found, Resource) else None


def _survive_forks(reader: UsageReader) -> None:
    if not hasattr(os, "register_at_fork"):
        return
    found = ref(reader)

    def call(name: str) -> None:
        alive = found()
        if alive is not None:
            getattr(alive, name)()

    os.register_at_fork(
        before=lambda: call("before_fork"),
        after_in_parent=lambda: call("after_fork_in_parent"),
        after_in_child=lambda: call("after_fork_in_child"),
    )
