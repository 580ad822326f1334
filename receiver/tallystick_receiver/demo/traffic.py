"""Synthetic traffic: clients of every project send logs, search them and have them explained, over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import count
from random import Random
from typing import Final

import aiohttp

from tallystick_receiver.demo.assistant import FEATURES, USERS
from tallystick_receiver.demo.log_platform import Project

_SEARCHES: Final = 0.2
_EXPLAINED_EVERY: Final = 8
"""A client's first request asks for an explanation, and so does each eighth: the shortest demo has a cost."""
_EVENTS_MAX: Final = 40
_PAUSE_SECONDS: Final = 0.12
_SOURCES: Final = ("nginx", "api", "worker")
_WORDS: Final = ("checkout", "login", "denied", "timeout", "search")
_STATUSES: Final = (200, 200, 200, 201, 204, 301, 404, 500)


class Traffic:
    """Clients that call the platform until the traffic is stopped.

    Args:
        url: the platform.
        projects: each gets one client; the first ones are the busiest.
    """

    def __init__(self, url: str, projects: Sequence[Project]) -> None:
        self._url = url
        self._projects = projects
        self._stopping = asyncio.Event()
        self._random = Random()  # noqa: S311 - traffic, not secrets
        self.requests = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Call the platform; on leaving, wait for the answers under way."""
        timeout = aiohttp.ClientTimeout(total=10)
        session = aiohttp.ClientSession(timeout=timeout, raise_for_status=True)
        async with session, asyncio.TaskGroup() as clients:
            for number, project in enumerate(self._projects, 1):
                clients.create_task(self._client(session, project, _PAUSE_SECONDS * number))
            try:
                yield
            finally:
                self._stopping.set()

    async def _client(self, session: aiohttp.ClientSession, project: Project, pause_seconds: float) -> None:
        base = f"{self._url}/{project.organization_id}/{project.project_id}"
        for number in count():
            if self._stopping.is_set():
                return
            if number % _EXPLAINED_EVERY == 0:
                # The first users ask most, as everywhere.
                user = USERS[min(int(self._random.expovariate(0.7)), len(USERS) - 1)]
                asked = {"user": user, "feature": self._random.choice(FEATURES)}
                async with session.get(f"{base}/explanation", params=asked) as response:
                    await response.read()
            elif self._random.random() < _SEARCHES:
                query = {"q": self._random.choice(_WORDS)}
                async with session.get(f"{base}/search", params=query) as response:
                    await response.read()
            else:
                query = {"source": self._random.choice(_SOURCES)}
                async with session.post(f"{base}/logs", params=query, data=self._events()) as response:
                    await response.read()
            self.requests += 1
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), self._random.uniform(0.5, 1.5) * pause_seconds)

    def _events(self) -> bytes:
        random = self._random
        return b"".join(
            b"GET /%s %d latency=%dms\n"
            % (random.choice(_WORDS).encode(), random.choice(_STATUSES), random.randint(1, 999))
            for _ in range(random.randint(1, _EVENTS_MAX))
        )
