"""/api/v1/events: what happened, by cursor or as a live stream."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any, Final

import orjson
from aiohttp import web

from tallystick_receiver.access import READ
from tallystick_receiver.changes import Topic
from tallystick_receiver.errors import InvalidQuestion
from tallystick_receiver.events import EventType, StoredEvent
from tallystick_receiver.identity import org_id_of
from tallystick_receiver.query.fields import known_parameters, limit_parameter, org_parameter
from tallystick_receiver.query.live import QUIET, QUIET_SECONDS
from tallystick_receiver.query.problem import answer, problem
from tallystick_receiver.store.events import dropped_until, last_event, read_events

if TYPE_CHECKING:
    from tallystick_receiver.access import Gate
    from tallystick_receiver.query.live import Live
    from tallystick_receiver.store.changes import Changes
    from tallystick_receiver.store.database import Database

_PAGE: Final = 500
_NUMBER_MAX: Final = 2**63 - 1


class EventRoutes:
    """Events, a page at a time or as they happen."""

    def __init__(self, database: Database, gate: Gate, changes: Changes, live: Live) -> None:
        self._database = database
        self._gate = gate
        self._changes = changes
        self._live = live

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the route."""
        router.add_get("/api/v1/events", self.events)

    async def events(self, request: web.Request) -> web.StreamResponse:
        """A page after a cursor, or (Accept: text/event-stream) everything after it, and on and on."""
        access = await self._gate.access(request.headers.get("Authorization"), READ)
        known_parameters(request, "after", "type", "orgId", "limit")
        org, limit, types = org_parameter(request, access), limit_parameter(request), _types(request)
        after = _number(request.query.get("after"), "after")
        last_seen = _number(request.headers.get("Last-Event-ID"), "Last-Event-ID")
        if "text/event-stream" in request.headers.get("Accept", ""):
            position = after if last_seen is None else last_seen
            missing = await self._missing(position)
            return missing or await self._live.answer(request, access, READ, self._texts(position, types, org))
        position = after or 0
        # Read first, so that it is no later than the page; a filter must not leave the cursor behind for ever.
        newest = await last_event(self._database)
        found = await read_events(self._database, after=position, types=types, org=org, limit=limit)
        more = found[-1].number if len(found) == limit else max(position, newest, *(e.number for e in found))
        page = answer({"events": [_content(event) for event in found], "nextAfter": str(more)})
        return await self._missing(position) or page

    async def _missing(self, position: int | None) -> web.Response | None:
        """The answer where events after a cursor were dropped; without a cursor the first one that is kept begins."""
        dropped = await dropped_until(self._database) if position else 0
        if position is None or position >= dropped:
            return None
        sentence = f"events after {position} were dropped for their age: begin after {dropped}, or without a cursor"
        return problem(410, sentence, oldestAfter=str(dropped))

    async def _texts(self, after: int | None, types: list[str] | None, org: str | None) -> AsyncGenerator[bytes, None]:
        """Events after a cursor, or from now on, as lines of the stream."""
        with self._changes.ear([Topic.EVENT], None if org is None else org_id_of(org)) as ear:
            position = await last_event(self._database) if after is None else after
            while True:
                newest = await last_event(self._database)
                found = await read_events(self._database, after=position, types=types, org=org, limit=_PAGE)
                for event in found:
                    yield _line(event)
                is_full = len(found) == _PAGE
                position = found[-1].number if is_full else max(position, newest, *(e.number for e in found))
                if not is_full and not await ear.news(QUIET_SECONDS):
                    yield QUIET


def _line(event: StoredEvent) -> bytes:
    return f"id: {event.number}\nevent: {event.type}\ndata: {event.body}\n\n".encode()


def _content(event: StoredEvent) -> dict[str, Any]:
    content: dict[str, Any] = orjson.loads(event.body)
    return {"cursor": str(event.number), **content}


def _types(request: web.Request) -> list[str] | None:
    text = request.query.get("type")
    if text is None:
        return None
    types = text.split(",")
    if not set(types) <= set(EventType):
        raise InvalidQuestion(f"type must be a comma list of {', '.join(EventType)}")
    return types


def _number(text: str | None, name: str) -> int | None:
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > len(str(_NUMBER_MAX)) or int(text) > _NUMBER_MAX:
        raise InvalidQuestion(f"{name} must be a cursor that was given out")
    return int(text)
