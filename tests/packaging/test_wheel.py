"""sdist -> wheel -> an empty environment: what a stranger installs holds everything and runs."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import tempfile
import urllib.request
import zipfile
from pathlib import Path

import pytest
from otlp import totals


@pytest.fixture(scope="session")
def version(root):
    (text,) = re.findall(r'__version__ = "(.+)"', (root / "src/tallystick/_version.py").read_text())
    return text


def files_of(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_every_source_file_and_migration(root, wheel):
    expected = {
        f"{folder.name}/{path.relative_to(folder).as_posix()}"
        for folder in (
            root / "src/tallystick", root / "exporter/tallystick_exporter", root / "receiver/tallystick_receiver",
        )
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }  # fmt: skip
    expected |= {f"tallystick_receiver/migrations/{path.name}" for path in (root / "migrations").glob("*.sql")}
    missing = expected - files_of(wheel)
    assert not missing


def test_the_wheel_holds_nothing_but_the_three_packages_and_the_licence(wheel, version):
    tops = {name.split("/")[0] for name in files_of(wheel)}
    assert tops == {"tallystick", "tallystick_exporter", "tallystick_receiver", f"tallystick-{version}.dist-info"}
    assert f"tallystick-{version}.dist-info/licenses/LICENSE" in files_of(wheel)


def test_the_version_stands_in_one_place(root, wheel, version, recorder):
    assert wheel.name.startswith(f"tallystick-{version}-")
    assert recorder.python("import tallystick; print(tallystick.__version__)").strip() == version
    repeated = [
        path
        for folder in ("src", "exporter", "receiver")
        for path in (root / folder).rglob("*.py")
        if path.name != "_version.py" and re.search(r"__version__\s*=|version\s*=\s*\"\d", path.read_text())
    ]
    assert not repeated
    assert "version =" not in (root / "pyproject.toml").read_text().split("[project.optional-dependencies]")[0]


def test_without_extras_the_recording_api_works_and_brings_only_the_opentelemetry_api(recorder):
    script = (
        "from importlib.metadata import distributions; from tallystick import Metering;"
        "from tallystick.llm import LlmMetering;"
        "Metering().record('a', 1, organization_id='acme');"
        "LlmMetering().record({'prompt_tokens': 1}, provider='openai', organization_id='acme');"
        "print(*sorted(d.name for d in distributions()))"
    )
    assert recorder.python(script).split() == ["opentelemetry-api", "tallystick", "typing_extensions"]


@pytest.mark.parametrize(
    ("package", "extra"), [("tallystick_receiver", "receiver"), ("tallystick_exporter", "exporter")]
)
def test_without_its_extra_a_package_says_which_one_is_missing(recorder, package, extra):
    script = f"try:\n import {package}\nexcept ImportError as error:\n print(error)"
    assert f"pip install 'tallystick[{extra}]'" in recorder.python(script)


def test_with_the_exporter_alone_usage_reaches_a_receiver(application, receiver):
    program = (
        "from opentelemetry.metrics import get_meter_provider;"
        "from opentelemetry.sdk._configuration import _OTelSDKConfigurator;"
        "_OTelSDKConfigurator().configure();"
        "from tallystick import Metering;"
        "Metering().record('queries.executed', 7, organization_id='acme');"
        "get_meter_provider().shutdown()"
    )
    application.python(program, OTEL_METRICS_EXPORTER="tallystick", OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url)
    assert totals(receiver.url, orgId="acme") == {"queries.executed": "7"}
    assert application.python("import importlib.util as u; print(u.find_spec('aiohttp'))").strip() == "None"


def test_the_entry_points_are_there(recorder):
    script = (
        "import json; from importlib.metadata import distribution;"
        "points = distribution('tallystick').entry_points;"
        "print(json.dumps(sorted([p.group, p.name, p.value] for p in points)))"
    )
    assert json.loads(recorder.python(script)) == [
        ["console_scripts", "tallystick", "tallystick_receiver.__main__:main"],
        ["opentelemetry_metrics_exporter", "tallystick", "tallystick_exporter:UsageReader"],
        ["opentelemetry_metrics_exporter", "tallystick_exporter", "tallystick_exporter:UsageExporter"],
    ]


def test_the_installed_command_explains_itself_and_knows_its_version(server, version):
    assert "serve" in server.run("tallystick", "--help").stdout
    assert server.run("tallystick", "--version").stdout.strip().endswith(version)


def test_the_installed_command_lists_the_migrations(root, server):
    done = server.run("tallystick", "migrate", "--print")
    assert done.returncode == 0, done.stderr
    listed = re.findall(r"^-- (\d{4}_\S+\.sql)$", done.stdout, re.MULTILINE)
    assert listed == sorted(path.name for path in (root / "migrations").glob("*.sql"))


def test_the_installed_receiver_starts_its_database_is_ready_and_stops(server):
    with tempfile.TemporaryDirectory(prefix="tallystick-wheel-") as data_dir, tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [server.command("tallystick"), "serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir],
            stdout=subprocess.PIPE, stderr=log, text=True, env=server.variables, cwd=data_dir,
        )  # fmt: skip
        try:
            address = re.search(r"http://[\d.]+:\d+", process.stdout.readline())
            log.seek(0)
            assert address, log.read()
            with urllib.request.urlopen(address[0] + "/readyz", timeout=30) as response:
                assert response.status == 200
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


def test_the_demo_without_the_exporter_says_what_to_install(server):
    done = server.run("tallystick", "demo", "--seconds", "1")
    assert done.returncode == 1
    assert "pip install 'tallystick[all]'" in done.stderr
    assert "Traceback" not in done.stderr
