"""The reader: collects at wall-clock ticks, keeps what could not be sent, survives forks."""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections.abc import Callable
from functools import partial
from inspect import signature
from typing import Any, Final

from opentelemetry.context import attach, detach, set_value
from opentelemetry.sdk.environment_variables import OTEL_METRIC_EXPORT_INTERVAL
from opentelemetry.sdk.metrics import (
    Counter,
    Histogram,
    ObservableCounter,
    ObservableGauge,
    ObservableUpDownCounter,
    UpDownCounter,
)
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricReader, MetricsData

from tallystick.outlet import DISCARDING
from tallystick_exporter.backlog import Backlog
from tallystick_exporter.clock import collection_end, next_tick
from tallystick_exporter.exporter import UsageExporter
from tallystick_exporter.restamp import Identity, restamped
from tallystick_exporter.temporality import delta_temporality

_log = logging.getLogger(__name__)
INTERVAL_MILLIS_DEFAULT: Final = 10_000
CARDINALITY_LIMIT_DEFAULT: Final = 1_000_000
CARDINALITY_LIMIT_VARIABLE: Final = "TALLYSTICK_CARDINALITY_LIMIT"
BACKLOG_POINTS_MAX_DEFAULT: Final = 1_000_000
_DISCARD_SECONDS: Final = 2.0
_INSTRUMENTS: Final = (
    Counter, UpDownCounter, Histogram, ObservableCounter, ObservableUpDownCounter, ObservableGauge,
)  # fmt: skip


class UsageReader(MetricReader):
    """Collects usage at multiples of the interval on the wall clock and exports it as deltas.

    Buildable without arguments, which is how OTEL_METRICS_EXPORTER=tallystick makes it.

    Args:
        exporter: where collections go; default: OTLP/HTTP as OpenTelemetry's variables say.
        endpoint: the full URL for the default exporter, such as http://127.0.0.1:4318/v1/metrics.
        export_interval_millis: default OTEL_METRIC_EXPORT_INTERVAL, else 10,000.
        cardinality_limit: attribute sets of one instrument in one collection before the SDK sums the rest without
            attributes; default TALLYSTICK_CARDINALITY_LIMIT, else 1,000,000. SDKs before 1.45.2 have no limit.
        backlog_points_max: points that may wait for a receiver that is away.
        now_ns: the wall clock in nanoseconds.
    """

    def __init__(
        self,
        exporter: MetricExporter | None = None,
        *,
        endpoint: str | None = None,
        export_interval_millis: float | None = None,
        cardinality_limit: int | None = None,
        backlog_points_max: int = BACKLOG_POINTS_MAX_DEFAULT,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        super().__init__(preferred_temporality=delta_temporality(), **_limits(cardinality_limit))
        self._exporter = UsageExporter(endpoint) if exporter is None else exporter
        millis = _number(export_interval_millis, OTEL_METRIC_EXPORT_INTERVAL, INTERVAL_MILLIS_DEFAULT)
        if millis <= 0:
            raise ValueError(f"export_interval_millis must be above 0, not {millis}")
        self._interval_ns = int(millis * 1_000_000)
        self._now_ns = now_ns
        self._backlog = Backlog(backlog_points_max)
        self._identity = Identity()
        self._last_end_ns = now_ns()
        self._tick_ns: int | None = None
        self._is_discarding = False
        self._is_shut_down = False
        self._locks()
        self._start_ticker()
        _survive_forks(self)

    @property
    def points_dropped(self) -> int:
        """Points that the full backlog had to drop."""
        return self._backlog.points_dropped

    def _locks(self) -> None:
        self._collecting = threading.RLock()
        self._exporting = threading.Lock()
        self._stop = threading.Event()

    def _start_ticker(self) -> None:
        self._ticker = threading.Thread(target=self._run, name="tallystick-usage-reader", daemon=True)
        self._ticker.start()

    def _run(self) -> None:
        stop = self._stop
        while True:
            tick_ns = next_tick(self._now_ns(), self._interval_ns)
            while (left_ns := tick_ns - self._now_ns()) > 0:
                if stop.wait(min(left_ns / 1e9, 1.0)):
                    return
            self._guarded(partial(self._collect_and_send, tick_ns))

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:  # noqa: BLE001 - the outermost loop of a background thread
            _log.exception("a collection of usage failed in an unforeseen way")

    def _collect_and_send(self, tick_ns: int | None = None, timeout_millis: float = 30_000) -> None:
        with self._collecting:
            self._tick_ns = tick_ns
            self.collect(timeout_millis=timeout_millis)
        self._send()

    def _receive_metrics(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **_: object) -> None:  # noqa: ARG002
        """Take a collection over from the SDK, which has forgotten it already."""
        with self._collecting:
            tick_ns, self._tick_ns = self._tick_ns, None
            if self._is_discarding:
                return
            end_ns = collection_end(tick_ns, self._now_ns(), self._last_end_ns)
            collection = restamped(metrics_data, self._last_end_ns, end_ns, self._identity)
            self._last_end_ns = end_ns
            dropped = self._backlog.add(collection)
        if dropped:
            _log.error("the receiver is away for too long: %d points of usage are lost", dropped)

    def _send(self) -> bool:
        """Send what waits, oldest first, until it fails; returns whether nothing is left."""
        with self._exporting:
            token = attach(set_value("suppress_instrumentation", value=True))
            try:
                while (collection := self._backlog.oldest()) is not None:
                    if self._exporter.export(collection) is not MetricExportResult.SUCCESS:
                        return False
                    with self._collecting:
                        if self._backlog.oldest() is collection:
                            self._backlog.delivered()
            finally:
                detach(token)
        return True

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Collect now and send; False when something could not be sent."""
        with self._collecting:
            self.collect(timeout_millis=timeout_millis)
        return self._send()

    def shutdown(self, timeout_millis: float = 30_000, **_: object) -> None:
        """Collect a last time, send, and close the exporter."""
        if self._is_shut_down:
            return
        self._is_shut_down = True
        self._stop.set()
        last = threading.Thread(
            target=self._guarded, args=(partial(self._collect_and_send, None, timeout_millis),), daemon=True
        )
        last.start()
        last.join(timeout_millis / 1e3)
        if len(self._backlog):
            _log.error("%d collections of usage could not be delivered before the end", len(self._backlog))
        self._exporter.shutdown()

    def before_fork(self) -> None:
        """No collection may be under way while the process is copied."""
        self._collecting.acquire()

    def after_fork_in_parent(self) -> None:
        """Go on."""
        self._collecting.release()

    def after_fork_in_child(self) -> None:
        """Forget what the parent will send: its backlog, and the deltas that were copied inside the SDK."""
        self._locks()
        self._backlog.clear()
        self._identity.forked()
        if self._is_shut_down:
            return
        # A lock inside the SDK may be held by a thread that does not exist here; it must not hold the child up.
        discard = threading.Thread(target=self._guarded, args=(self._discard,), daemon=True)
        discard.start()
        discard.join(_DISCARD_SECONDS)
        self._start_ticker()

    def _discard(self) -> None:
        self._is_discarding = True
        token = attach(set_value(DISCARDING, value=True))
        try:
            self.collect()
        finally:
            detach(token)
            self._is_discarding = False
            self._last_end_ns = max(self._now_ns(), self._last_end_ns)


def _survive_forks(reader: UsageReader) -> None:
    if not hasattr(os, "register_at_fork"):
        return
    found = weakref.ref(reader)

    def call(name: str) -> None:
        alive = found()
        if alive is not None:
            getattr(alive, name)()

    os.register_at_fork(
        before=lambda: call("before_fork"),
        after_in_parent=lambda: call("after_fork_in_parent"),
        after_in_child=lambda: call("after_fork_in_child"),
    )


def _limits(limit: int | None) -> dict[str, Any]:
    if "cardinality_limits" not in signature(MetricReader.__init__).parameters:
        return {}
    chosen = int(_number(limit, CARDINALITY_LIMIT_VARIABLE, CARDINALITY_LIMIT_DEFAULT))
    return {"cardinality_limits": dict.fromkeys(_INSTRUMENTS, chosen)}


def _number(given: float | None, variable: str, default: float) -> float:
    if given is not None:
        return given
    text = os.environ.get(variable, "")
    try:
        return float(text) if text else default
    except ValueError:
        _log.warning("%s is %r, which is not a number: using %s", variable, text, default)
        return default
