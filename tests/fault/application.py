"""An application that records known usage until it is told to stop, or killed: python -m fault.application.

    --reader ours    UsageReader with its spool; what it collected is delivered or on disk
    --reader stock   OpenTelemetry's own reader and exporter, to a Collector with a persistent queue

Commands on its standard input, one a line:

    clock <seconds>  the clock of the reader steps to so many seconds beside the real one
    pause            record nothing more; answers "paused"
    finish           pause, deliver everything, end
    quit             pause, end without waiting for a receiver that is away
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fault.truth import Truth
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import Counter, MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)

from tallystick import Metering
from tallystick_exporter import UsageExporter, UsageReader

FINISH_SECONDS = 90
FLUSH_MILLIS = 3_000


class Ours:
    """Our recording API, reader, spool."""

    shutdown_millis = 10_000

    def __init__(self, interval_millis: float) -> None:
        self.offset_ns = 0
        self._exporter = UsageExporter()
        self._reader = UsageReader(
            self._exporter, export_interval_millis=interval_millis, now_ns=lambda: time.time_ns() + self.offset_ns
        )
        self.provider = MeterProvider([self._reader])
        self._metering = Metering(self.provider)

    def record(self, name: str, quantity: int, org: str, n: int) -> None:
        self._metering.record(name, quantity, organization_id=org, metadata={"n": n})

    def flush(self) -> bool:
        """Collect and send; True: nothing waits any more."""
        return self._reader.force_flush(FLUSH_MILLIS)

    def is_safe(self) -> bool:
        """Whether everything that was collected is delivered or on disk."""
        self._exporter.secure()
        return len(self._exporter._backlog) == 0


class Witness(OTLPMetricExporter):
    """OpenTelemetry's exporter; it remembers whether anything was lost, which the reader does not."""

    has_failed = False

    def export(self, metrics_data: MetricsData, *args: Any, **options: Any) -> MetricExportResult:
        result = super().export(metrics_data, *args, **options)
        if result is not MetricExportResult.SUCCESS:
            self.has_failed = True
            print("an export failed for good", file=sys.stderr, flush=True)
        return result


class Stock:
    """OpenTelemetry alone, as any application that knows nothing of Tallystick."""

    offset_ns = 0
    shutdown_millis = 60_000

    def __init__(self, interval_millis: float) -> None:
        self._witness = Witness(preferred_temporality={Counter: AggregationTemporality.DELTA})
        self._reader = PeriodicExportingMetricReader(self._witness, interval_millis, export_timeout_millis=60_000)
        self.provider = MeterProvider([self._reader])
        self._counters: dict[str, Any] = {}

    def record(self, name: str, quantity: int, org: str, n: int) -> None:
        if name not in self._counters:
            self._counters[name] = self.provider.get_meter("fault").create_counter(name)
        self._counters[name].add(quantity, {"org.id": org, "n": n})

    def flush(self) -> bool:
        return self._reader.force_flush(60_000) and not self._witness.has_failed

    def is_safe(self) -> bool:
        return not self._witness.has_failed


class Application:
    """Records in one thread and flushes in another.

    Args:
        usage: Ours or Stock.
        truth: where it is written what was recorded.
        name: the type of the usage.
        seed: of quantities, organisations and dimensions.
        pause_seconds: between two calls.
    """

    def __init__(self, usage: Ours | Stock, truth: Truth, name: str, seed: int, pause_seconds: float) -> None:
        self._usage, self._truth, self._name = usage, truth, name
        self._chance = random.Random(seed)
        self._pause_seconds = pause_seconds
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._record, self._flush)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def pause(self) -> None:
        """Record nothing more."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _record(self) -> None:
        while not self._stopping.wait(self._pause_seconds):
            quantity = self._chance.randrange(1, 1000)
            self._truth.intend(quantity)
            self._usage.record(self._name, quantity, f"org-{self._chance.randrange(3)}", self._chance.randrange(4))
            self._truth.record(quantity)

    def _flush(self) -> None:
        while not self._stopping.wait(0.1):
            before = self._truth.recorded
            if self._usage.flush() or self._usage.is_safe():
                self._truth.confirm(before)

    def finish(self) -> None:
        """Deliver everything."""
        deadline = time.monotonic() + FINISH_SECONDS
        while not self._usage.flush():
            assert time.monotonic() < deadline, "what was recorded could not be delivered"
            time.sleep(0.05)

    def quit(self) -> None:
        """End as programs do; what was not delivered is for the next process."""
        self._usage.provider.shutdown(timeout_millis=self._usage.shutdown_millis)
        if self._usage.is_safe():
            self._truth.end()


def obey(application: Application, usage: Ours | Stock, hear: Callable[[], str]) -> None:
    """Do what is said until the end is said."""
    while line := hear():
        command, _, argument = line.strip().partition(" ")
        if command == "clock":
            usage.offset_ns = int(float(argument) * 1e9)
            continue
        application.pause()
        if command == "pause":
            print("paused", flush=True)
            continue
        if command == "finish":
            application.finish()
        application.quit()
        return


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--reader", choices=("ours", "stock"), default="ours")
    parser.add_argument("--name", required=True)
    parser.add_argument("--truth", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--interval-millis", type=float, default=200)
    parser.add_argument("--pause-seconds", type=float, default=0.002)
    options = parser.parse_args()
    usage = (Ours if options.reader == "ours" else Stock)(options.interval_millis)
    application = Application(usage, Truth(options.truth), options.name, options.seed, options.pause_seconds)
    application.start()
    obey(application, usage, sys.stdin.readline)


if __name__ == "__main__":
    main()
    # Nothing runs after the truth is written.
    sys.stdout.flush()
    os._exit(0)
