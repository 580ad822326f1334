"""What one response of a language model costs its caller: `LlmMetering.record()`, median and 99th percentile.

Run `python benchmarks/llm.py [--quick]`. Wall time is what a request waits, and has the machine's other work in it;
the thread's CPU time has not. A reader collects every ten seconds, and its receiver is away.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median, quantiles
from time import perf_counter_ns, thread_time_ns
from types import SimpleNamespace

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.version import __version__ as sdk_version

from tallystick import Metering
from tallystick.llm import LlmMetering, attributed
from tallystick_exporter import UsageReader

USAGE = SimpleNamespace(
    input_tokens=2_000, output_tokens=300, cache_read_input_tokens=120_000, cache_creation_input_tokens=1_200,
    cache_creation=SimpleNamespace(ephemeral_5m_input_tokens=1_000, ephemeral_1h_input_tokens=200),
    server_tool_use=SimpleNamespace(web_search_requests=1, web_fetch_requests=0),
    service_tier="standard", inference_geo="global", speed=None, output_tokens_details=None, iterations=None,
)  # fmt: skip
RESPONSE = SimpleNamespace(model="claude-sonnet-5", usage=USAGE)

Record = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Microseconds of one call, over the rounds; noise of the machine only adds, so the best round tells most."""

    p50: float
    p99: float
    p99_best: float
    cpu_p99: float


def _said(llm: LlmMetering, conversation: str) -> None:
    llm.record(
        RESPONSE, provider="anthropic", organization_id="acme", project_id="web", user="u-17",
        conversation=conversation, feature="chat", agent="planner", root="run-1",
    )  # fmt: skip


def _around(llm: LlmMetering, conversation: str) -> None:
    with attributed(organization_id="acme", project_id="web", user="u-17", feature="chat", agent="planner"):
        llm.record(RESPONSE, provider="anthropic", conversation=conversation, root="run-1")


CASES: dict[str, Callable[[LlmMetering], Record]] = {
    "the same conversation": lambda llm: lambda _: _said(llm, "c-1"),
    "said by attributed()": lambda llm: lambda _: _around(llm, "c-1"),
    "one of 1,000 conversations": lambda llm: lambda number: _said(llm, f"c-{number % 1000}"),
    "always a new conversation": lambda llm: lambda number: _said(llm, f"c-{number}"),
}


def measure(case: str, rounds: int, count: int) -> Figure:
    # Port 9 refuses: the receiver is away the whole time.
    reader = UsageReader(endpoint="http://127.0.0.1:9/v1/metrics")
    llm = LlmMetering(Metering(MeterProvider([reader], shutdown_on_exit=False)))
    record = CASES[case](llm)
    p50, p99, cpu_p99 = [], [], []
    try:
        for start in range(0, rounds * count, count):
            wall, cpu = _round(record, range(start, start + count))
            p50.append(quantiles(wall, n=100)[49])
            p99.append(quantiles(wall, n=100)[98])
            cpu_p99.append(quantiles(cpu, n=100)[98])
    finally:
        reader.shutdown(timeout_millis=1_000)
    assert not llm.refused
    return Figure(p50=median(p50), p99=median(p99), p99_best=min(p99), cpu_p99=median(cpu_p99))


def _round(record: Record, numbers: range) -> tuple[list[float], list[float]]:
    wall, cpu = [], []
    for number in numbers:
        cpu_start, wall_start = thread_time_ns(), perf_counter_ns()
        record(number)
        wall.append((perf_counter_ns() - wall_start) / 1e3)
        cpu.append((thread_time_ns() - cpu_start) / 1e3)
    return wall, cpu


def main(argv: list[str]) -> dict[str, Figure]:
    """Print the table; returns the figures by case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few seconds, rougher figures")
    rounds, count = (7, 500) if parser.parse_args(argv).quick else (25, 500)
    logging.disable(logging.CRITICAL)
    figures = {}
    print(f"CPython {sys.version.split()[0]}, opentelemetry-sdk {sdk_version}, 7 points a response, receiver away, us")
    print(f"{'':<28} {'p50':>6} {'p99':>8} {'p99 of the best round':>22} {'p99 of CPU':>11}")
    for case in CASES:
        figure = figures[case] = measure(case, rounds, count)
        print(f"{case:<28} {figure.p50:>6.0f} {figure.p99:>8.0f} {figure.p99_best:>22.0f} {figure.cpu_p99:>11.0f}")
    return figures


if __name__ == "__main__":
    main(sys.argv[1:])
