"""A small log platform, metered at six sites: what an application does to be metered is the calls of `metering`."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

import aiohttp
from aiohttp import web

from tallystick import Level
from tallystick_receiver.demo.assistant import FEATURES, Assistant
from tallystick_receiver.demo.tally import Recorder

_RULES_SECONDS: Final = 0.5
_SNAPSHOT_SECONDS: Final = 1.0
_STORED_BYTES_MAX: Final = 400_000
_WEBHOOKS_WAITING_MAX: Final = 1_000
_EXPLAINED_EVENTS: Final = 50


@dataclass(slots=True, kw_only=True)
class Project:
    """A project of an organisation, its alert rules and its logs."""

    organization_id: str
    project_id: str
    rules: tuple[bytes, ...]
    stored: deque[bytes] = field(default_factory=deque)
    stored_bytes: int = 0
    unevaluated: list[bytes] = field(default_factory=list)

    def store(self, events: list[bytes]) -> None:
        """Keep events; the oldest give way."""
        self.stored.extend(events)
        self.unevaluated.extend(events)
        self.stored_bytes += sum(len(event) for event in events)
        while self.stored_bytes > _STORED_BYTES_MAX:
            self.stored_bytes -= len(self.stored.popleft())


class LogPlatform:
    """Receives logs, searches and explains them, evaluates rules and tells customers over webhooks.

    Args:
        metering: where usage is recorded.
        projects: all there are.
    """

    def __init__(self, metering: Recorder, projects: Sequence[Project]) -> None:
        self._metering = metering
        self._assistant = Assistant(metering)
        self._projects = {(project.organization_id, project.project_id): project for project in projects}
        self._webhooks: asyncio.Queue[Project | None] = asyncio.Queue(_WEBHOOKS_WAITING_MAX)
        self._stopping = asyncio.Event()
        self._snapshot: list[Level] = []
        self._calls = 0
        self.url = ""
        metering.level("storage.snapshot", lambda: self._snapshot, unit="By")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve on a free port; on leaving, finish what is under way."""
        app = web.Application()
        app.router.add_post("/{org}/{project}/logs", self._ingest)
        app.router.add_get("/{org}/{project}/search", self._search)
        app.router.add_get("/{org}/{project}/explanation", self._explain)
        app.router.add_post("/customers/{org}/hook", self._customer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self.url = "http://{}:{}".format(*runner.addresses[0][:2])
            async with asyncio.TaskGroup() as jobs:
                jobs.create_task(self._evaluate_rules())
                jobs.create_task(self._dispatch_webhooks())
                jobs.create_task(self._take_snapshots())
                try:
                    yield
                finally:
                    self._stopping.set()
        finally:
            await runner.cleanup()

    def _project(self, request: web.Request) -> Project:
        try:
            return self._projects[request.match_info["org"], request.match_info["project"]]
        except KeyError:
            raise web.HTTPNotFound(text="there is no such project") from None

    async def _ingest(self, request: web.Request) -> web.Response:
        project = self._project(request)
        body = await request.read()
        events = body.splitlines()
        project.store(events)
        source = {"log.source": request.query.get("source", "unknown")}
        self._metering.record(
            "logs.ingested.bytes", len(body), organization_id=project.organization_id,
            project_id=project.project_id, metadata=source, unit="By",
        )  # fmt: skip
        self._metering.record(
            "logs.ingested.events", len(events), organization_id=project.organization_id,
            project_id=project.project_id, metadata=source, unit="{event}",
        )  # fmt: skip
        return web.Response(status=202)

    async def _search(self, request: web.Request) -> web.Response:
        project = self._project(request)
        wanted = request.query["q"].encode()
        found = sum(wanted in event for event in project.stored)
        self._metering.record(
            "queries.executed", 1, organization_id=project.organization_id, project_id=project.project_id,
            metadata={"query.kind": "search"}, unit="{query}",
        )  # fmt: skip
        return web.json_response({"found": found})

    async def _explain(self, request: web.Request) -> web.Response:
        project = self._project(request)
        feature = request.query.get("feature", FEATURES[0])
        if feature not in FEATURES:
            raise web.HTTPBadRequest(text="there is no such feature")
        latest = b"".join(list(project.stored)[-_EXPLAINED_EVENTS:])
        answer = self._assistant.answer(
            latest, organization_id=project.organization_id, project_id=project.project_id,
            user=request.query.get("user", "unknown"), feature=feature,
        )  # fmt: skip
        return web.json_response({"answer": answer})

    async def _evaluate_rules(self) -> None:
        async for _ in self._until_stopped(_RULES_SECONDS):
            for project in self._projects.values():
                events, project.unevaluated = project.unevaluated, []
                if not events:
                    continue
                fired = [rule for rule in project.rules if any(rule in event for event in events)]
                self._metering.record(
                    "alerts.evaluated", len(project.rules), organization_id=project.organization_id,
                    project_id=project.project_id, metadata={"alert.kind": "sigma"}, unit="{evaluation}",
                )  # fmt: skip
                if fired:
                    await self._webhooks.put(project)
        await self._webhooks.put(None)

    async def _dispatch_webhooks(self) -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
            while (project := await self._webhooks.get()) is not None:
                url = f"{self.url}/customers/{project.organization_id}/hook"
                async with session.post(url, json={"project": project.project_id}) as response:
                    is_delivered = response.ok
                if is_delivered:
                    self._metering.record(
                        "webhooks.delivered", 1, organization_id=project.organization_id,
                        project_id=project.project_id, metadata={"http.response.status_code": response.status},
                        unit="{delivery}",
                    )  # fmt: skip

    async def _customer(self, _: web.Request) -> web.Response:
        """A customer's end of the webhooks: one call in ten fails, and a failed one is no delivery."""
        self._calls += 1
        return web.Response(status=503 if self._calls % 10 == 0 else 204)

    async def _take_snapshots(self) -> None:
        async for _ in self._until_stopped(_SNAPSHOT_SECONDS):
            self._snapshot = [
                Level(
                    quantity=project.stored_bytes,
                    organization_id=project.organization_id,
                    project_id=project.project_id,
                )
                for project in self._projects.values()
            ]

    async def _until_stopped(self, seconds: float) -> AsyncIterator[None]:
        """Now and then, and once more after the stop."""
        while not self._stopping.is_set():
            yield
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), seconds)
        yield


def projects() -> Iterable[Project]:
    """Several organisations with projects of different sizes."""
    for organization_id, project_ids in (
        ("acme", ("web", "mobile", "payments")),
        ("globex", ("shop", "warehouse")),
        ("initech", ("reports",)),
    ):
        for project_id in project_ids:
            yield Project(
                organization_id=organization_id, project_id=project_id,
                rules=(b" 500 ", b"denied", b"panic", b"latency=9"),
            )  # fmt: skip
