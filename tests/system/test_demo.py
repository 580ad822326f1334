"""The demo as a stranger runs it: a process, its terminal output and its exit code."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import run_cli
from otlp import export, export_request

TYPES = {
    "alerts.evaluated", "llm.requests", "llm.tokens", "logs.ingested.bytes", "logs.ingested.events",
    "queries.executed", "storage.snapshot", "webhooks.delivered",
}  # fmt: skip
LINE = re.compile(r"^ *(\S+) +(\S+) +([a-z.]+) +([\d,]+) +([\d,]+) +=\s*$", re.MULTILINE)


class Performance:
    """A demo that runs beside the test."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tallystick_receiver", "demo", "--listen", "127.0.0.1:0", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def read_until(self, expression: str) -> re.Match[str]:
        """The first line of output that has it."""
        for line in self.process.stdout:
            if found := re.search(expression, line):
                return found
        raise AssertionError(f"the demo ended without printing {expression}")

    def end(self) -> tuple[int, str]:
        """The exit code and the rest of the output."""
        rest, _ = self.process.communicate(timeout=120)
        return self.process.returncode, rest


@pytest.fixture
def perform():
    """Starts demos: perform("--seconds", "2")."""
    started: list[Performance] = []

    def start(*arguments: str) -> Performance:
        started.append(Performance(*arguments))
        return started[-1]

    yield start
    for performance in started:
        if performance.process.poll() is None:
            performance.process.terminate()
            performance.process.wait(60)
        performance.process.stdout.close()


def test_the_demo_ends_by_itself_and_the_api_answers_exactly_what_the_sites_recorded():
    done = run_cli("demo", "--seconds", "8", "--listen", "127.0.0.1:0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    lines = LINE.findall(done.stdout)
    assert {type_ for _, _, type_, _, _ in lines} == TYPES
    assert len({org for org, *_ in lines}) > 1
    assert all(recorded == answered != "0" for *_, recorded, answered in lines)
    assert f"all {len(lines)} figures are equal" in done.stdout
    _, _, over_time = done.stdout.partition("What was kept over time")
    stored = re.findall(
        r"^ *(\S+) +(\S+) +storage\.snapshot +(?:-|[\d.]+ [KM]?i?B) +[\d.]+ [KM]?i?B h +[\d.]+ s\s*$",
        over_time,
        re.MULTILINE,
    )
    assert sorted(stored) == sorted(
        (org, project) for org, project, type_, _, _ in lines if type_ == "storage.snapshot"
    )


def test_a_temporary_folder_is_gone_after_the_demo():
    done = run_cli("demo", "--seconds", "1", "--listen", "127.0.0.1:0")
    assert done.returncode == 0, done.stdout + done.stderr
    (folder,) = re.findall(r"PostgreSQL in (/\S+)", done.stdout)
    assert not Path(folder).exists()


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_stops_the_demo_and_it_compares_as_well(perform, name):
    performance = perform()
    performance.read_until("answered: log bytes [1-9]")
    performance.process.send_signal(signal.Signals[name])
    code, rest = performance.end()
    assert code == 0, rest
    assert re.search(r"all \d+ figures are equal", rest)


def test_the_demo_fails_when_the_halves_differ(perform):
    performance = perform()
    url = performance.read_until(r"OTLP/HTTP +(http://\S+)/v1/metrics")[1]
    performance.read_until("answered: log bytes [1-9]")
    stray = {
        "name": "queries.executed", "unit": "{query}", "value": 1, "end": time.time_ns(),
        "attributes": {"org.id": "acme", "project.id": "web"},
    }  # fmt: skip
    assert export(url, export_request([stray])).status == 200
    performance.process.send_signal(signal.SIGINT)
    code, rest = performance.end()
    assert code == 1, rest
    assert "1 of " in rest
    assert re.search(r"acme +web +queries\.executed .* differs", rest)


def test_a_folder_may_be_used_again_and_only_this_performance_is_compared(tmp_path):
    for _ in range(2):
        done = run_cli("demo", "--seconds", "1", "--listen", "127.0.0.1:0", "--data-dir", str(tmp_path / "kept"))
        assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "kept" / "postgres" / "PG_VERSION").exists()


def test_settings_of_the_shell_do_not_reach_the_demo():
    done = run_cli(
        "demo", "--seconds", "1", "--listen", "127.0.0.1:0",
        DATABASE_URL="postgresql://nowhere.invalid/x", TALLYSTICK_METRICS_PATH="/elsewhere", OTEL_SDK_DISABLED="true",
        OTEL_EXPORTER_OTLP_METRICS_ENDPOINT="http://127.0.0.1:1/x", HTTP_PROXY="http://127.0.0.1:1",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_address_in_use_is_said_in_a_sentence():
    with socket.create_server(("127.0.0.1", 0)) as busy:
        done = run_cli("demo", "--seconds", "1", "--listen", f"127.0.0.1:{busy.getsockname()[1]}")
    assert done.returncode == 1
    assert "the receiver does not start" in done.stderr
    assert "address already in use" in done.stderr
    assert "Traceback" not in done.stderr
