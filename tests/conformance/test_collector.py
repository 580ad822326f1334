"""The real Collector, built from otel-config/builder.yaml, with otel-config/agent.yaml and gateway.yaml as they are."""

import contextlib
import hashlib
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest
from otlp import SECOND, export, export_request, get, now_ns, totals

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "otel-config"
BUILDER = "go.opentelemetry.io/collector/cmd/builder@v0.160.0"
BUILD_SECONDS = 900


@pytest.fixture(scope="session")
def binary():
    """The distribution, built once for each version of builder.yaml and kept in .cache/."""
    manifest = FOLDER / "builder.yaml"
    folder = ROOT / ".cache" / "collector" / hashlib.sha256(manifest.read_bytes()).hexdigest()[:16]
    built = folder / "tallystick-collector" / "tallystick-collector"
    if built.exists():
        return built
    if shutil.which("go") is None:
        pytest.skip("Go is not installed, so the Collector cannot be built")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    done = subprocess.run(
        ["go", "run", BUILDER, f"--config={manifest}"], cwd=folder, capture_output=True, text=True, check=False,
        timeout=BUILD_SECONDS, env={**os.environ, "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "auto"},
    )  # fmt: skip
    if done.returncode != 0:
        shutil.rmtree(folder)
        pytest.skip(f"the Collector's modules cannot be had here: {done.stderr[-300:]}")
    return built


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Collector:
    """One Collector process; a restart keeps its ports and its queue."""

    def __init__(self, binary, name, target, folder):
        self.http = free_port()
        self._command = [binary, f"--config={FOLDER / f'{name}.yaml'}"]
        self._log = (folder / f"{name}.log").open("a")
        self._environment = {
            **os.environ, f"TALLYSTICK_{name.upper()}_HTTP": f"127.0.0.1:{self.http}",
            f"TALLYSTICK_{name.upper()}_GRPC": f"127.0.0.1:{free_port()}", "TALLYSTICK_GATEWAY_URL": target,
            "TALLYSTICK_URL": target, "TALLYSTICK_QUEUE_DIR": str(folder / name),
        }  # fmt: skip
        self.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.http}"

    def start(self):
        self.process = subprocess.Popen(self._command, stdout=self._log, stderr=self._log, env=self._environment)
        wait_until(self._listens)

    def _listens(self):
        assert self.process.poll() is None, Path(self._log.name).read_text()[-2000:]
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.http), 1):
            return True
        return False

    def kill(self):
        self.process.kill()
        self.process.wait(10)

    def close(self):
        self.kill()
        self._log.close()


@pytest.fixture
def collector(binary, tmp_path):
    """Starts Collectors: collector("agent", url to send to)."""
    started = []

    def start(name, target):
        started.append(Collector(binary, name, target, tmp_path))
        return started[-1]

    yield start
    for process in started:
        process.close()


def wait_until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def requests_of(count, points=20):
    """Collections of one writer, one after the other."""
    first = now_ns() - 3600 * SECOND
    for number in range(count):
        yield export_request([
            {"name": "calls", "value": 1 + n, "end": first + number * SECOND,
             "attributes": {"org.id": f"org-{n % 3}", "n": n}} for n in range(points)
        ])  # fmt: skip


def sum_of(count, points=20):
    return {"calls": str(count * sum(range(1, points + 1)))}


@pytest.mark.timeout(BUILD_SECONDS + 60)
def test_usage_through_agent_and_gateway_arrives_exactly_and_keeps_its_identity(receiver, collector):
    agent = collector("agent", collector("gateway", receiver.url).url)
    sent = list(requests_of(50))
    for request in sent:
        assert export(agent.url, request).status == 200
    wait_until(lambda: totals(receiver.url) == sum_of(50))
    for request in sent:
        assert export(receiver.url, request).rejected == 0
    assert totals(receiver.url) == sum_of(50)
    assert get(receiver.url + "/healthz").json["counts"]["points.duplicate"] == 1000


@pytest.mark.timeout(BUILD_SECONDS + 60)
def test_a_collector_killed_while_the_receiver_is_away_loses_nothing(receiver, collector):
    agent = collector("agent", receiver.url)
    sent = list(requests_of(60))
    for request in sent[:20]:
        assert export(agent.url, request).status == 200
    receiver.kill()
    for request in sent[20:40]:
        assert export(agent.url, request).status == 200
    agent.kill()
    agent.start()
    for request in sent[40:]:
        assert export(agent.url, request).status == 200
    receiver.start()
    wait_until(lambda: totals(receiver.url) == sum_of(60))


@pytest.mark.timeout(BUILD_SECONDS + 60)
def test_a_gateway_and_an_agent_killed_in_turn_lose_nothing(receiver, collector):
    gateway = collector("gateway", receiver.url)
    agent = collector("agent", gateway.url)
    sent = list(requests_of(40))
    for number, request in enumerate(sent):
        if number in (10, 25):
            gateway.kill()
        if number in (15, 30):
            agent.kill()
            agent.start()
            gateway.start()
        assert export(agent.url, request).status == 200
    wait_until(lambda: totals(receiver.url) == sum_of(40))


@pytest.mark.timeout(BUILD_SECONDS + 60)
def test_refused_points_do_not_hold_up_what_follows(receiver, collector):
    agent = collector("agent", receiver.url)
    bad = export_request([{"name": "calls", "value": -1}, {"name": "calls", "value": 5}])
    assert export(agent.url, bad).status == 200
    for request in requests_of(5):
        assert export(agent.url, request).status == 200
    expected = str(5 + 5 * sum(range(1, 21)))
    wait_until(lambda: totals(receiver.url) == {"calls": expected})
    [point] = get(receiver.url + "/api/v1/quarantine").json["points"]
    assert point["reason"] == "negative"
