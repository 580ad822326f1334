"""GET /api/v1/changes: that something was committed, as it is, so that nobody need ask again and again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from typing import TYPE_CHECKING, Final

from tallystick_receiver.access import READ
from tallystick_receiver.changes import Topic
from tallystick_receiver.errors import InvalidQuestion
from tallystick_receiver.identity import org_id_of
from tallystick_receiver.query.fields import known_parameters, org_parameter, parameter
from tallystick_receiver.query.live import QUIET, QUIET_SECONDS

if TYPE_CHECKING:
    from aiohttp import web

    from tallystick_receiver.access import Gate
    from tallystick_receiver.query.live import Live
    from tallystick_receiver.store.changes import Changes

_BETWEEN_SECONDS: Final = 1.0


class ChangeRoutes:
    """Changes as they happen."""

    def __init__(self, gate: Gate, changes: Changes, live: Live) -> None:
        self._gate = gate
        self._changes = changes
        self._live = live

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the route."""
        router.add_get("/api/v1/changes", self.changes)

    async def changes(self, request: web.Request) -> web.StreamResponse:
        """A stream that names what changed, once a second at most, and not what it is now: that is asked for."""
        access = await self._gate.access(request.headers.get("Authorization"), READ)
        known_parameters(request, "topic", "orgId")
        topics, org = _topics(parameter(request, "topic")), org_parameter(request, access)
        return await self._live.answer(request, access, READ, self._texts(topics, org))

    async def _texts(self, topics: Iterable[Topic], org: str | None) -> AsyncGenerator[bytes, None]:
        with self._changes.ear(topics, None if org is None else org_id_of(org)) as ear:
            while True:
                news = await ear.news(QUIET_SECONDS)
                if not news:
                    yield QUIET
                    continue
                yield b"".join(b"event: %b\ndata: {}\n\n" % topic.value.encode() for topic in sorted(news))
                await asyncio.sleep(_BETWEEN_SECONDS)


def _topics(text: str | None) -> list[Topic]:
    if text is None:
        return list(Topic)
    try:
        return [Topic(name) for name in text.split(",")]
    except ValueError:
        raise InvalidQuestion(f"topic must be a comma list of {', '.join(Topic)}") from None
