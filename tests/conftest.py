"""Real parts for every tier: one PostgreSQL a session, one fresh database a test, receivers as processes.

Imports nothing of ours, so that the black-box tiers stay black boxes.
"""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import hypothesis
import pytest
from collectors import Collector, built
from midnight import away_from_midnight
from otlp import begin_anew
from receivers import ReceiverProcess, run_cli
from servers import EDITIONS, TSL_VARIABLE, Missing, Servers
from warm import WARM

TEMPLATE = f"tallystick_template_{os.getpid()}"
"""Two sessions may share a server that an environment variable names; this module may be imported twice in one."""
TIERS = ("system", "browser", "fault", "conformance", "integration", "packaging", "property", "unit")
"""As `make test` takes them: the longest files early, and short ones for whichever worker is free at the end."""
ALLOWED = (
    f"{TSL_VARIABLE} is not set", "no small disk can be mounted here", "only root may mount a small disk",
)  # fmt: skip
"""The skips that CI allows: the community edition is in no registry, and no package lets a container mount disks."""
SKIPS_FAIL = os.environ.get("TALLYSTICK_TEST_SKIPS") == "fail"
DISCONNECT = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{TEMPLATE}'"


hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "editions(*names): runs on these editions, or on all")
    for name in [name for name in os.environ if name.startswith(("TALLYSTICK_", "OTEL_")) or name == "DATABASE_URL"]:
        if not name.startswith("TALLYSTICK_TEST_"):
            del os.environ[name]
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # a thousand processes would each compile every module
    os.environ.pop("COLUMNS", None)  # readline sets it, and workers of xdist would pass it on to whoever prints a table


def pytest_unconfigure() -> None:
    for warm in WARM:
        warm.close()


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """TALLYSTICK_TEST_SKIPS=fail: what .ci/run promises to test is tested, or the run fails."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter is not None else []
    skipped = [report for report in skipped if not any(reason in str(report.longrepr) for reason in ALLOWED)]
    if SKIPS_FAIL and skipped and exitstatus == pytest.ExitCode.OK:
        reporter.write_line(f"\n{len(skipped)} skipped, and TALLYSTICK_TEST_SKIPS=fail", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    """Each test has its own day, which does not end; its limit of time begins when this wait is over."""
    away_from_midnight()
    return (yield)


@pytest.fixture(autouse=True)
def _one_now() -> None:
    """Each test has its own second, which does not go by while it runs."""
    begin_anew()


@pytest.fixture(autouse=True)
def spool_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the test's exporters, in any process, keep what they cannot deliver."""
    monkeypatch.setenv("TALLYSTICK_SPOOL_DIR", str(tmp_path / "spool"))
    return tmp_path / "spool"


def sql(url: str, *statements: str) -> None:
    """Run statements, each in a transaction of its own."""

    async def run() -> None:
        connection = await asyncpg.connect(url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())


def with_database(url: str, name: str) -> str:
    """The same server, another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        here = Path(__file__).parent
        items.sort(key=lambda item: TIERS.index(item.path.relative_to(here).parts[0]))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Storage, query and fault tests run on every edition; the others on plain PostgreSQL."""
    if "edition" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("editions")
        metafunc.parametrize("edition", EDITIONS[:1] if marker is None else marker.args or EDITIONS, scope="session")


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """Real servers, by edition."""
    found = Servers()
    yield found
    found.stop()


@pytest.fixture(scope="session")
def postgres(servers: Servers, edition: str) -> str:
    """The URL of a real server of the test's edition."""
    try:
        return servers.url(edition)
    except Missing as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def template(postgres: str) -> Iterator[str]:
    """The URL of a server that holds a migrated template database."""
    sql(postgres, f"DROP DATABASE IF EXISTS {TEMPLATE} WITH (FORCE)", f"CREATE DATABASE {TEMPLATE}")
    done = run_cli("migrate", "--database-url", with_database(postgres, TEMPLATE))
    assert done.returncode == 0, done.stderr
    # TimescaleDB's scheduler would hold on to the template.
    sql(postgres, f"ALTER DATABASE {TEMPLATE} ALLOW_CONNECTIONS false", DISCONNECT)
    yield postgres
    sql(postgres, f"DROP DATABASE {TEMPLATE} WITH (FORCE)")


@contextmanager
def fresh_database(template: str) -> Iterator[str]:
    """The URL of a migrated database that nobody else uses."""
    name = f"t_{uuid.uuid4().hex}"
    # Copied as files: a third of the work of writing each page to the log as well.
    sql(template, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY")
    yield with_database(template, name)
    sql(template, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database_url(template: str) -> Iterator[str]:
    """A fresh, migrated database."""
    with fresh_database(template) as url:
        yield url


@pytest.fixture
def empty_database_url(postgres: str) -> Iterator[str]:
    """A fresh database without any schema."""
    name = f"e_{uuid.uuid4().hex}"
    sql(postgres, f"CREATE DATABASE {name}")
    yield with_database(postgres, name)
    sql(postgres, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def start_receiver(database_url: str) -> Iterator[Callable[..., ReceiverProcess]]:
    """Starts receivers on the test's database: start_receiver("--late-seconds-max", "60", SOME_VARIABLE="x")."""
    started: list[ReceiverProcess] = []

    def start(*arguments: str, **environment: str) -> ReceiverProcess:
        process = ReceiverProcess(["--database-url", database_url, *arguments], environment, turn=len(started))
        started.append(process)
        return process

    yield start
    for process in started:
        process.close()


@pytest.fixture
def receiver(start_receiver: Callable[..., ReceiverProcess]) -> ReceiverProcess:
    """One receiver with default settings."""
    return start_receiver()


@pytest.fixture(scope="session")
def collector_binary() -> Path:
    """The Collector that otel-config/builder.yaml describes."""
    try:
        return built()
    except Missing as error:
        pytest.skip(str(error))


@pytest.fixture
def collector(collector_binary: Path, tmp_path: Path) -> Iterator[Callable[[str, str], Collector]]:
    """Starts Collectors: collector("agent", url to send to)."""
    started: list[Collector] = []

    def start(name: str, target: str) -> Collector:
        started.append(Collector(collector_binary, name, target, tmp_path))
        return started[-1]

    yield start
    for process in started:
        process.close()


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return Path(__file__).parents[1]
