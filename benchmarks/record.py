"""What one call costs: `Metering.record()` beside plain `Counter.add` and prometheus_client.

Run `python benchmarks/record.py [--quick]`. The contenders take turns in rounds and the medians are
compared, so that noise of the machine hits all of them alike.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from threading import Barrier, Thread
from time import perf_counter_ns

from opentelemetry.sdk.metrics import Counter, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader
from opentelemetry.sdk.version import __version__ as sdk_version
from prometheus_client import CollectorRegistry
from prometheus_client import Counter as PrometheusCounter

from tallystick import Metering

METADATA = {"region": "eu", "feature": "search", "tier": "pro"}
ATTRIBUTES = {"org.id": "acme", "project.id": "web", **METADATA}
TYPE = "logs.ingested.bytes"
RECORD, ADD, PROMETHEUS = "record", "counter_add", "prometheus_inc"

Calls = Callable[[int], None]
"""Makes so many calls in a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Nanoseconds of wall time per call, over all threads."""

    contender: str
    threads: int
    nanoseconds: float


def _provider() -> MeterProvider:
    delta = {Counter: AggregationTemporality.DELTA}
    return MeterProvider([InMemoryMetricReader(delta)], shutdown_on_exit=False)


def _record() -> Calls:
    metering = Metering(_provider())

    def calls(count: int) -> None:
        for _ in range(count):
            metering.record(TYPE, 5120, organization_id="acme", project_id="web", metadata=METADATA, unit="By")

    return calls


def _counter_add() -> Calls:
    counter = _provider().get_meter("benchmark").create_counter(TYPE, "By")

    def calls(count: int) -> None:
        for _ in range(count):
            counter.add(5120, ATTRIBUTES)

    return calls


def _prometheus_inc() -> Calls:
    names = [name.replace(".", "_") for name in ATTRIBUTES]
    counter = PrometheusCounter("ingested", "Bytes", names, registry=CollectorRegistry())
    values = tuple(ATTRIBUTES.values())

    def calls(count: int) -> None:
        for _ in range(count):
            counter.labels(*values).inc(5120)

    return calls


CONTENDERS: dict[str, Callable[[], Calls]] = {
    RECORD: _record,
    ADD: _counter_add,
    PROMETHEUS: _prometheus_inc,
}


def nanoseconds_a_call(calls: Calls, count: int, threads: int) -> float:
    """Wall time of `count` calls, shared by the threads, from a common start to the last end."""
    if threads == 1:
        start = perf_counter_ns()
        calls(count)
        return (perf_counter_ns() - start) / count
    gate = Barrier(threads + 1)

    def work() -> None:
        gate.wait()
        calls(count // threads)

    workers = [Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    gate.wait()
    start = perf_counter_ns()
    for worker in workers:
        worker.join()
    return (perf_counter_ns() - start) / count


def measure(threads: int, rounds: int, count: int) -> list[Figure]:
    """The median of the rounds for each contender."""
    ready = {name: prepare() for name, prepare in CONTENDERS.items()}
    samples: dict[str, list[float]] = {name: [] for name in ready}
    for calls in ready.values():
        calls(count // 10)
    for _ in range(rounds):
        for name, calls in ready.items():
            samples[name].append(nanoseconds_a_call(calls, count, threads))
    return [Figure(contender=name, threads=threads, nanoseconds=median(taken)) for name, taken in samples.items()]


def main(argv: list[str]) -> dict[str, float]:
    """Print the table; returns the figures: `<contender>_ns_<threads>` and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few seconds, rougher figures")
    quick = parser.parse_args(argv).quick
    rounds, count = (5, 8_000) if quick else (15, 40_000)

    figures: dict[str, float] = {}
    print(f"CPython {sys.version.split()[0]}, opentelemetry-sdk {sdk_version}, 5 attributes")
    print(f"{'threads':>7} {'record':>10} {'Counter.add':>12} {'prometheus':>11} {'of add':>8} {'of prom.':>9}")
    for threads in (1, 8):
        for figure in measure(threads, rounds, count):
            figures[f"{figure.contender}_ns_{threads}"] = figure.nanoseconds
        record, add, prometheus = (figures[f"{name}_ns_{threads}"] for name in CONTENDERS)
        figures[f"record_of_{ADD}_{threads}"] = record / add
        figures[f"record_of_{PROMETHEUS}_{threads}"] = record / prometheus
        print(
            f"{threads:>7} {record:>7.0f} ns {add:>9.0f} ns {prometheus:>8.0f} ns"
            f" {record / add:>8.3f} {record / prometheus:>9.3f}"
        )
    return figures


if __name__ == "__main__":
    main(sys.argv[1:])
