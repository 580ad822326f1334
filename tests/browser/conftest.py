"""A real Chromium before a real receiver with generated usage; whatever a page complains about fails its test."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Generator, Iterator
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from cached import CACHE, INSTALL_SECONDS, install
from conftest import ReceiverProcess, fresh_database, run_cli
from fault.actors import Postgres
from midnight import away_from_midnight
from months import Months
from otlp import export, send
from pricing import QUICK
from sender import accounted
from servers import Missing
from tokens import PRICED, priced

playwright = pytest.importorskip("playwright.async_api", reason="playwright is not installed")

WAIT_MILLISECONDS = 120_000
HOURS = 50
ZONE = "Europe/Berlin"
LINES = {"queries.executed": "40000", "logs.ingested.bytes": "900000000000", "webhooks.delivered": "2000.5"}
"""Thresholds of acme."""
AXE = "axe-core@4.14.1"
AWAY = ("net::ERR_CONNECTION_", "net::ERR_EMPTY_RESPONSE", "net::ERR_INCOMPLETE_CHUNKED_ENCODING",
        "net::ERR_CONTENT_LENGTH_MISMATCH")  # fmt: skip
"""A test's receiver may end before its tab, which goes on asking and listening, or while it answers."""
SETTLED = "() => document.querySelector('main[aria-busy=false] h1') !== null"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    """What a page calls today is today when the test asks, too."""
    away_from_midnight(ZoneInfo(ZONE))
    return (yield)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One event loop for all: the browser lives in it."""
    for item in items:
        if "tests/browser/" in item.nodeid and isinstance(item, pytest.Function):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
            item.add_marker(pytest.mark.timeout(INSTALL_SECONDS + 300))


@dataclass
class Visit:
    """A tab, and what it complained about."""

    page: playwright.Page
    complaints: list[str] = field(default_factory=list)
    provoked: list[str] = field(default_factory=list)

    def __post_init__(self):
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._console)

    def _console(self, message):
        if message.type in ("error", "warning") and not any(words in message.text for words in AWAY):
            self.complaints.append(message.text)

    def provokes(self, *words):
        """Complaints with such words are what the test is about; the browser may be late with them."""
        self.provoked += words

    @property
    def unexpected(self):
        """What it complained about but was not provoked to."""
        return [one for one in self.complaints if not any(words in one for words in self.provoked)]

    async def open(self, url):
        """Open a page of the dashboard and wait for its figures."""
        await self.page.goto(url)
        await self.settled()

    async def settled(self):
        await self.page.wait_for_function(SETTLED)

    async def sign_in(self, url, key):
        """Open a page, and enter a key where it asks for one."""
        await self.page.goto(url)
        await self.page.fill("input[name=key]", key)
        await self.page.press("input[name=key]", "Enter")

    async def figures(self, selector):
        """Exact quantities by what they are of: the attribute is the text that the API sent, `None` is unknown."""
        found = await self.page.eval_on_selector_all(
            f"{selector} .q[data-of]", "all => all.map(q => [q.dataset.of, q.dataset.quantity ?? null])"
        )
        return dict(found)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[playwright.Browser]:
    """Debian's Chromium, headless."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=path, args=arguments, timeout=WAIT_MILLISECONDS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def window(chromium) -> AsyncIterator[playwright.BrowserContext]:
    """Where tabs share what they have loaded already."""
    context = await _window(chromium)
    yield context
    await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def visit(window) -> AsyncIterator[Visit]:
    """A fresh tab; in the end it must not have complained but of what the test provoked."""
    found = Visit(await window.new_page())
    yield found
    await found.page.close()
    assert found.unexpected == []


@pytest_asyncio.fixture(loop_scope="session")
async def stranger(chromium) -> AsyncIterator[Visit]:
    """The same in a window of its own, for who signs in (cookies of all ports of a host are one) or chooses colours."""
    context = await _window(chromium)
    found = Visit(await context.new_page())
    yield found
    await context.close()
    assert found.unexpected == []


@pytest_asyncio.fixture(loop_scope="session")
async def elsewhere(chromium) -> AsyncIterator[Visit]:
    """The same on another continent."""
    context = await _window(chromium, "America/New_York")
    found = Visit(await context.new_page())
    yield found
    await context.close()
    assert found.unexpected == []


async def _window(chromium, zone=ZONE):
    context = await chromium.new_context(timezone_id=zone, locale="en-GB")
    context.set_default_timeout(WAIT_MILLISECONDS)
    return context


@pytest.fixture(scope="session")
def platform_url(template) -> Iterator[str]:
    """A receiver with some days of usage and a few thresholds, for tests that change nothing."""
    with fresh_database(template) as url:
        receiver = ReceiverProcess(["--database-url", url], {})
        for request in Months(hours=HOURS).requests():
            reply = export(receiver.url, request)
            assert (reply.status, reply.rejected) == (200, 0), reply.body
        for key, line in LINES.items():
            fields = {"metricKey": key, "subjectType": "org", "subjectId": "acme", "threshold": line}
            assert send("POST", f"{receiver.url}/api/v1/thresholds", fields).status == 201
        accounted(receiver.url)
        yield receiver.url
        receiver.close()


@pytest.fixture(scope="session")
def costs_url(template) -> Iterator[str]:
    """A receiver with weeks of tokens in two currencies, for tests that change nothing."""
    with fresh_database(template) as url:
        hasty = ReceiverProcess(["--database-url", url, *PRICED], {})
        priced(hasty)
        hasty.close()
        receiver = ReceiverProcess(["--database-url", url], {})
        accounted(receiver.url)
        yield receiver.url
        receiver.close()


@pytest.fixture(scope="session")
def empty_url(template) -> Iterator[str]:
    """A receiver that knows nothing, for tests that change nothing."""
    with fresh_database(template) as url:
        receiver = ReceiverProcess(["--database-url", url], {})
        yield receiver.url
        receiver.close()


@pytest.fixture(scope="session")
def playground(template) -> Iterator[ReceiverProcess]:
    """A receiver for tests that add metrics, senders and organisations of names that no other test has."""
    with fresh_database(template) as url:
        receiver = ReceiverProcess(["--database-url", url, *QUICK], {})
        yield receiver
        receiver.close()


@dataclass
class Secured:
    """A receiver with keys and the usage of two organisations."""

    url: str
    database_url: str

    def key(self, name, scope, *options):
        """A new key's text."""
        made = ("--name", name, "--scope", scope, *options, "--database-url", self.database_url)
        return next(word for word in run_cli("keys", "create", *made).stdout.split() if word.startswith("tsk_"))


@pytest.fixture(scope="session")
def secured(template) -> Iterator[Secured]:
    """Shared: a test makes the keys that it needs, and touches no other."""
    with fresh_database(template) as url:
        secured = Secured("", url)
        agent = secured.key("agent", "ingest")
        receiver = ReceiverProcess(["--database-url", url], {})
        for request in Months(hours=3, orgs={"acme": ("web",), "globex": ("search",)}).requests():
            assert export(receiver.url, request, agent).status == 200
        secured.url = receiver.url
        yield secured
        receiver.close()


@pytest.fixture
def mortal() -> Iterator[tuple[Postgres, ReceiverProcess]]:
    """A PostgreSQL that may be killed, and a receiver on it."""
    try:
        server = Postgres()
    except Missing as error:
        pytest.skip(str(error))
    url = f"postgresql://postgres:@/{server.new_database()}?host={server.socket.parent}"
    receiver = ReceiverProcess(["--database-url", url], {})
    yield server, receiver
    receiver.close()
    server.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    folder = CACHE / "axe-core"
    command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), AXE]
    return (install(folder, command) / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture
def in_thread():
    """Blocking calls beside the browser's loop."""
    return asyncio.to_thread
