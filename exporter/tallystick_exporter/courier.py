"""A thread that delivers, so that collecting never waits for the network."""

from __future__ import annotations

from logging import getLogger
from threading import Condition, Thread
from time import monotonic

from tallystick_exporter.exporter import UsageExporter

_log = getLogger(__name__)


class Courier:
    """Delivers what an exporter keeps, whenever it is asked; one at a time, and never raises."""

    def __init__(self, exporter: UsageExporter) -> None:
        self._exporter = exporter
        self._condition = Condition()
        self._asked = 0
        self._answered = 0
        self._complaints: set[type[Exception]] = set()
        Thread(target=self._run, name="tallystick-courier", daemon=True).start()

    def ask(self) -> int:
        """Let the thread try; returns the number of this request."""
        with self._condition:
            self._asked += 1
            self._condition.notify_all()
            return self._asked

    def flush(self, timeout_seconds: float) -> bool:
        """Let the thread try and wait until it has; returns whether everything was delivered in time."""
        deadline = monotonic() + timeout_seconds
        asked = self.ask()
        with self._condition:
            in_time = self._condition.wait_for(lambda: self._answered >= asked, max(deadline - monotonic(), 0))
        return in_time and self._exporter.waiting == 0

    def _run(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._asked > self._answered)
                asked = self._asked
            self._deliver()
            with self._condition:
                self._answered = asked
                self._condition.notify_all()

    def _deliver(self) -> None:
        try:
            self._exporter.deliver()
        except Exception as error:  # noqa: BLE001 - the outermost loop: the thread must live on
            if type(error) not in self._complaints:
                self._complaints.add(type(error))
                _log.exception("Usage could not be delivered for an unforeseen reason; it is tried again.")
