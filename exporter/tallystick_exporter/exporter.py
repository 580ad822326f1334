"""The exporter: keeps what it was given until a receiver took it, request by request, oldest first."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from errno import EFBIG
from logging import getLogger
from pathlib import Path
from threading import Lock
from time import time_ns
from typing import Final
from weakref import ref

from opentelemetry.context import attach, detach, set_value
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData

from tallystick_exporter.backlog import Backlog
from tallystick_exporter.loss_book import LossBook
from tallystick_exporter.losses import Loss, Reason, losses_in
from tallystick_exporter.options import SpoolOptions
from tallystick_exporter.ownership import LOCKS_EXIST
from tallystick_exporter.parcel import Parcel, halves, parcels_of
from tallystick_exporter.pieces import pieces
from tallystick_exporter.spool import Spool
from tallystick_exporter.temporality import delta_temporality
from tallystick_exporter.wire import Destination, Outcome, Wire

_log = getLogger(__name__)

POINTS_A_REQUEST_MAX: Final = 5_000
BACKLOG_POINTS_MAX: Final = 1_000_000


class UsageExporter(MetricExporter):
    """Sends collections to a Tallystick receiver, or to a Collector before it.

    What could not be sent waits on disk and goes out before anything newer, with its own times and identity, at the
    next export of this process or of any later one that shares the folder. That a request may have arrived although
    its answer did not is harmless: the receiver recognises it.

    All arguments are optional; what is not given comes from OpenTelemetry's own variables
    (OTEL_EXPORTER_OTLP_METRICS_ENDPOINT, OTEL_EXPORTER_OTLP_ENDPOINT, ..._HEADERS, ..._COMPRESSION, ..._TIMEOUT),
    and the endpoint is http://127.0.0.1:4318/v1/metrics when none is set.

    Args:
        endpoint: the full URL, such as http://127.0.0.1:4318/v1/metrics.
        headers: sent with every request, such as Authorization.
        compression: none, gzip or deflate.
        timeout: seconds for all tries of one request.
        points_a_request_max: a collection with more points is sent in several requests.
        backlog_points_max: points that may wait in memory when they cannot be kept on disk; then the oldest
            are dropped.
        spool_dir: the folder on disk, default TALLYSTICK_SPOOL_DIR, else tallystick/spool in the user's state folder;
            "" or "off": memory only.
        spool_bytes_max: on disk, for all processes that share the folder; default TALLYSTICK_SPOOL_BYTES_MAX, else
            1 GiB.
        spool_seconds_max: how long anything is kept there; default TALLYSTICK_SPOOL_SECONDS_MAX, else 7 days less an
            hour.
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
        spool_dir: str | os.PathLike[str] | None = None,
        spool_bytes_max: int | None = None,
        spool_seconds_max: float | None = None,
    ) -> None:
        super().__init__(preferred_temporality=delta_temporality())
        self._destination = Destination(endpoint=endpoint, headers=headers, compression=compression, timeout=timeout)
        if not self._destination.url.startswith(("http://", "https://")):
            _log.error(
                "Usage cannot be sent to %r: an endpoint begins with http:// or https://.", self._destination.url
            )
        self._points_a_request_max = points_a_request_max
        self._backlog_points_max = backlog_points_max
        self._spool_options = SpoolOptions(folder=spool_dir, bytes_max=spool_bytes_max, seconds_max=spool_seconds_max)
        self._begin()
        _begin_anew_in_children(self)

    def _begin(self) -> None:
        folder = self._spool_options.folder_for(self._destination.url) if LOCKS_EXIST else None
        self._sending = Lock()
        self._placing = Lock()
        """A parcel is in memory or on disk: held while it is moved, looked for, or removed."""
        self._can_spool = True
        self._losses = LossBook(folder and folder / "losses")
        self._spool = None if folder is None else self._spool_in(folder)
        self._backlog = Backlog(self._backlog_points_max, lambda parcel: self._lost(losses_in(parcel, Reason.MEMORY)))
        self._wire = Wire(self._destination)
        self.points_refused = 0
        """Points that no receiver will take: refused with 400, or impossible to encode."""
        self.points_dropped = 0
        """Points that waited for too long, or found no room."""

    def _spool_in(self, folder: Path) -> Spool:
        options = self._spool_options
        return Spool(folder, options.chosen_bytes_max, options.chosen_seconds_max, self._lost)

    @property
    def waiting(self) -> int:
        """Requests that were not delivered yet: of this process, and of dead ones whose spool it took over."""
        with self._placing:
            return len(self._backlog) + (0 if self._spool is None else len(self._spool))

    def losses(self) -> list[Loss]:
        """What all processes that share the spool lost, and nobody cleared: known gaps, to be announced.

        Raises:
            OSError: the spool cannot be read.
        """
        return self._losses.read()

    def clear_losses(self, losses: Collection[Loss]) -> None:
        """Forget losses that were announced.

        Raises:
            OSError: the spool cannot be written.
        """
        self._losses.clear(losses)

    def keep(self, collection: MetricsData) -> None:
        """Take a collection over, encoded; it waits in memory for `deliver()` or `secure()`. No disk, no network."""
        made_ns = time_ns()
        for piece in pieces(collection, self._points_a_request_max):
            for parcel in parcels_of(piece, made_ns, self._refused):
                self._backlog.add(parcel)

    def secure(self, patience_seconds: float = 0.0) -> None:
        """Write to disk what is in memory only. Never raises what the disk does: then it stays in memory.

        Args:
            patience_seconds: what is delivered within this time needs no disk; none while older usage waits there.
        """
        spool = self._spool
        if spool is None or (not len(spool) and self._backlog.wait_until_empty(patience_seconds)):
            return
        for parcel in self._backlog.waiting():
            try:
                self._move(parcel, spool)
                self._can_spool = True
            except OSError as error:
                if self._can_spool:
                    _log.error("Usage cannot be kept on disk (%s) and waits in memory.", error)
                self._can_spool = False
                if error.errno != EFBIG:
                    return

    def secure_late(self, seconds: float) -> None:
        """Write to disk what is in memory only, if any of it has waited for so long."""
        oldest = self._backlog.oldest()
        if oldest is not None and oldest.made_ns + seconds * 1e9 <= time_ns():
            self.secure()

    def _move(self, parcel: Parcel, spool: Spool) -> None:
        with self._placing:
            if parcel not in self._backlog:
                return
            spool.add(parcel)
            if not self._backlog.remove(parcel):
                # Memory had no room for it meanwhile, and it was counted as lost.
                spool.settled(parcel)

    def deliver(self) -> bool:
        """Send what waits, oldest first, until a parcel must wait; returns whether nothing is left."""
        with self._sending:
            token = attach(set_value("suppress_instrumentation", value=True))
            try:
                if self._spool is not None:
                    self._spool.adopt()
                while (oldest := self._oldest()) is not None:
                    if not self._settle(oldest):
                        return False
                    self._settled(oldest)
            finally:
                if self._spool is not None:
                    self._spool.in_hand = ""
                self.secure()
                detach(token)
        return True

    def _oldest(self) -> Parcel | None:
        """What to send next; the spool must not drop it meanwhile, even if it gets there only now."""
        with self._placing:
            in_memory = self._backlog.oldest()
            if self._spool is None:
                return in_memory
            on_disk = self._spool.oldest()
            places = [found for found in (in_memory, on_disk) if found is not None]
            oldest = min(places, key=lambda found: found.name, default=None)
            self._spool.in_hand = oldest.name if oldest else ""
            return oldest

    def _settled(self, parcel: Parcel) -> None:
        with self._placing:
            if not self._backlog.remove(parcel) and self._spool is not None:
                self._spool.settled(parcel)

    def _settle(self, parcel: Parcel) -> bool:
        """Send a parcel; False: it must be sent again later, in whole."""
        outcome = self._wire.send(parcel.body)
        if outcome in (Outcome.DELIVERED, Outcome.LATER):
            return outcome is Outcome.DELIVERED
        if outcome is Outcome.REFUSED or parcel.points <= 1:
            losses = losses_in(parcel, Reason.REFUSED)
            self._losses.add(losses)
            self._refused(sum(loss.points for loss in losses))
            return True
        return all(self._settle(half) for half in halves(parcel))

    def _refused(self, points: int) -> None:
        self.points_refused += points
        if points:
            _log.error("%d points of usage will never be accepted and are lost.", points)

    def _lost(self, losses: list[Loss]) -> None:
        points = sum(loss.points for loss in losses)
        self.points_dropped += points
        self._losses.add(losses)
        if points:
            _log.error("The receiver is away for too long: %d points of usage are lost.", points)

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **_: object) -> MetricExportResult:  # noqa: ARG002
        """Send a collection behind what waits; FAILURE: something still waits for the next export.

        The time for a request is `timeout`, not `timeout_millis`, as in OpenTelemetry's own exporter. There is no
        other thread to write to disk if the receiver hangs, so the collection is written first.
        """
        self.keep(metrics_data)
        self.secure()
        return MetricExportResult.SUCCESS if self.deliver() else MetricExportResult.FAILURE

    def force_flush(self, timeout_millis: float = 10_000) -> bool:  # noqa: ARG002
        """Send what waits."""
        return self.deliver()

    def shutdown(self, timeout_millis: float = 30_000, **_: object) -> None:
        """Close the connections. What still waits is on disk; what could not be written is lost and logged."""
        self.secure()
        if self._backlog:
            _log.error("%d requests of usage could not be delivered before the end and are lost.", len(self._backlog))
        self._losses.add([])
        self._wire.shutdown(timeout_millis)
        if self._spool is not None:
            if kept := len(self._spool):
                # OpenTelemetry has just said that the export failed, which sounds like a loss.
                where = self._spool_options.folder_for(self._destination.url)
                _log.warning(
                    "%d requests of usage are kept in %s: the next process here with this endpoint sends them.",
                    kept, where,
                )  # fmt: skip
            self._spool.close()

    def forget(self) -> None:
        """Begin anew in a forked child: its parent sends what waits, over connections and from files of its own."""
        self._begin()


def _begin_anew_in_children(exporter: UsageExporter) -> None:
    found = ref(exporter)

    def forget() -> None:
        alive = found()
        if alive is not None:
            alive.forget()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=forget)
