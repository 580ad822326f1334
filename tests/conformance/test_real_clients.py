"""Real clients send known amounts and the API answers exactly those: SDKs for Python and JavaScript, rotel as a hop."""

import os
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from cached import CACHE, INSTALL_SECONDS, install
from otlp import get, totals, usage
from ports import free_port
from waiting import wait_until

HERE = Path(__file__).parent
pytestmark = pytest.mark.timeout(INSTALL_SECONDS + 300)

PYTHON_PROGRAM = """
import sys
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.version import __version__
provider = MeterProvider(
    [PeriodicExportingMetricReader(OTLPMetricExporter())], resource=Resource.create({"service.name": "python"})
)
counter = provider.get_meter("python").create_counter("python.calls", "{call}")
gauge = provider.get_meter("python").create_gauge("python.level", "By")
queue = provider.get_meter("python").create_up_down_counter("python.queue", "{job}")
for round in range(3):
    for n in range(200):
        counter.add(n + 1, {"org.id": f"org-{n % 3}", "project.id": "web", "n": n})
    counter.add(0.1, {"org.id": "tenth"})
    gauge.set(round * 10, {"org.id": "org-0"})
    queue.add(7 - 5 * round, {"org.id": "org-0"})
    provider.force_flush()
provider.shutdown()
print(__version__)
"""
PYTHON_CALLS = f"{3 * sum(range(1, 201))}.3"


def venv_with(name, *requirements):
    """A cached virtual environment; returns its folder."""

    def prepare(folder):
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)

    folder = CACHE / name
    return install(folder, [folder / "bin" / "pip", "install", "--quiet", *requirements], prepare=prepare)


@pytest.fixture(scope="session")
def python_1_44():
    sdk = ("opentelemetry-sdk==1.44.0", "opentelemetry-exporter-otlp-proto-http==1.44.0")
    return venv_with("sdk-1.44", *sdk) / "bin" / "python"


@pytest.fixture(scope="session")
def js():
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed")

    def prepare(folder):
        for name in ("package.json", "send.js"):
            shutil.copy(HERE / "js" / name, folder)

    folder = CACHE / "otel-js"
    command = ["npm", "install", "--silent", "--no-audit", "--no-fund"]
    install(folder, command, cwd=folder, prepare=prepare)
    shutil.copy(HERE / "js" / "send.js", folder)
    return folder


@pytest.fixture(scope="session")
def rotel_agent():
    folder = venv_with("rotel", "--pre", "rotel==0.0.1a15")
    found = [path for path in folder.rglob("rotel-agent") if path.is_file()]
    if not found:
        pytest.skip("the wheel of rotel holds no rotel-agent for this machine")
    return found[0]


def run_python(python, url, **environment):
    variables = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta",
        "OTEL_METRIC_EXPORT_INTERVAL": "3600000", **environment,
    }  # fmt: skip
    done = subprocess.run(
        [python, "-c", PYTHON_PROGRAM], capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, **variables},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def check_python(receiver):
    assert totals(receiver.url) == {"python.calls": PYTHON_CALLS, "python.level": "20", "python.queue": "6"}
    [queue] = usage(receiver.url, type="python.queue")["rows"]
    assert (queue["level"]["last"], queue["level"]["min"], queue["level"]["max"]) == ("6", "6", "9")
    [level] = usage(receiver.url, type="python.level")["rows"]
    assert (level["level"]["last"], level["level"]["min"], level["level"]["max"]) == ("20", "0", "20")
    assert get(receiver.url + "/api/v1/quarantine").json["points"] == []


@pytest.mark.parametrize("compression", ["none", "gzip", "deflate"])
def test_the_python_sdk_with_its_own_exporter(receiver, compression):
    assert run_python(sys.executable, receiver.url, OTEL_EXPORTER_OTLP_COMPRESSION=compression).startswith("1.4")
    check_python(receiver)


def test_the_python_sdk_1_44(receiver, python_1_44):
    assert run_python(python_1_44, receiver.url) == "1.44.0"
    check_python(receiver)


@pytest.mark.parametrize("encoding", ["http", "proto"])
@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_the_javascript_sdk_in_json_and_protobuf(receiver, js, encoding, compression):
    url = receiver.url + "/v1/metrics"
    subprocess.run(["node", "send.js", url, encoding, "100", compression], cwd=js, check=True, timeout=120)
    assert totals(receiver.url) == {"js.calls": "5050.1"}
    by_org = {row["org"]: row["quantity"] for row in usage(receiver.url, groupBy="org")["rows"]}
    assert by_org == {"org-0": "1717", "org-1": "1650", "org-2": "1683", "tenth": "0.1"}
    assert get(receiver.url + "/api/v1/quarantine").json["points"] == []


def test_many_javascript_processes_of_one_service_without_an_instance_id_are_all_counted(receiver, js):
    command = ["node", "send.js", receiver.url + "/v1/metrics", "http", "10", "none"]
    processes = [subprocess.Popen([*command, str(tenth)], cwd=js) for tenth in range(6)]
    assert [process.wait(120) for process in processes] == [0] * 6
    assert totals(receiver.url) == {"js.calls": "330.6"}


def test_through_rotel_which_batches_and_forwards(receiver, rotel_agent):
    port = free_port()
    command = [
        rotel_agent, "start", "--otlp-grpc-endpoint", f"127.0.0.1:{free_port()}", "--otlp-http-endpoint",
        f"127.0.0.1:{port}", "--exporter", "otlp", "--otlp-exporter-protocol", "http", "--otlp-exporter-endpoint",
        receiver.url,
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as agent:
        try:

            def listens():
                assert agent.poll() is None
                with socket.socket() as probe:
                    return probe.connect_ex(("127.0.0.1", port)) == 0

            wait_until(listens)
            senders = [
                threading.Thread(target=run_python, args=(sys.executable, f"http://127.0.0.1:{port}")) for _ in "12"
            ]
            for sender in senders:
                sender.start()
            for sender in senders:
                sender.join()
            expected = f"{2 * 3 * sum(range(1, 201))}.6"
            wait_until(lambda: totals(receiver.url).get("python.calls") == expected)
        finally:
            agent.terminate()
