"""/api/v1/events: what happened, by cursor or as a live stream."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Final

import orjson
from aiohttp import web

from tallystick_receiver.access import READ
from tallystick_receiver.errors import InvalidQuestion, Unavailable
from tallystick_receiver.events import EventType, StoredEvent
from tallystick_receiver.query.fields import known_parameters, limit_parameter, org_parameter
from tallystick_receiver.query.problem import answer, problem
from tallystick_receiver.store.events import dropped_until, last_event, read_events

if TYPE_CHECKING:
    from tallystick_receiver.access import Gate
    from tallystick_receiver.store.database import Database

_log = logging.getLogger(__name__)
_POLL_SECONDS: Final = 0.25
_QUIET_SECONDS: Final = 15.0
_PAGE: Final = 500
_STREAMS_MAX: Final = 200
_NUMBER_MAX: Final = 2**63 - 1


class Feed:
    """Wakes every open stream when there are new events: one look at the database for all of them.

    It looks only while somebody listens.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._news = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self._last = 0
        self.listeners = 0
        self.is_stopped = False

    def stop(self) -> None:
        """End all streams, at the end of the process."""
        self.is_stopped = True
        if self._task is not None:
            self._task.cancel()

    async def wait(self, after: int) -> None:
        """Wait until there may be events after a number, a quarter of a minute at most."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch(), name="watching events")
        try:
            async with asyncio.timeout(_QUIET_SECONDS), self._news:
                await self._news.wait_for(lambda: self._last > after or self.is_stopped)
        except TimeoutError:
            return

    async def _watch(self) -> None:
        try:
            while self.listeners and not self.is_stopped:
                try:
                    self._last = await last_event(self._database)
                except Unavailable as error:
                    _log.info("the stream of events waits: %s", error)
                async with self._news:
                    self._news.notify_all()
                await asyncio.sleep(_POLL_SECONDS)
        finally:
            if self.is_stopped:
                async with self._news:
                    self._news.notify_all()


class EventRoutes:
    """Events, a page at a time or as they happen."""

    def __init__(self, database: Database, gate: Gate, feed: Feed) -> None:
        self._database = database
        self._gate = gate
        self._feed = feed

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
            return await self._missing(position) or await self._stream(request, position, types, org)
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

    async def _stream(
        self, request: web.Request, after: int | None, types: list[str] | None, org: str | None
    ) -> web.StreamResponse:
        if self._feed.listeners >= _STREAMS_MAX:
            return problem(503, f"there are {_STREAMS_MAX} streams already")
        position = await last_event(self._database) if after is None else after
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        self._feed.listeners += 1
        try:
            await response.prepare(request)
            await response.write(b"retry: 2000\n\n")
            async for text in self._texts(position, types, org):
                if request.transport is None or request.transport.is_closing():
                    break
                await response.write(text)
        except (ConnectionError, Unavailable):
            return response
        finally:
            self._feed.listeners -= 1
        return response

    async def _texts(self, position: int, types: list[str] | None, org: str | None) -> AsyncIterator[bytes]:
        """Events as lines of the stream, and a comment now and then that keeps the connection."""
        while not self._feed.is_stopped:
            newest = await last_event(self._database)
            found = await read_events(self._database, after=position, types=types, org=org, limit=_PAGE)
            for event in found:
                yield _line(event)
            position = found[-1].number if len(found) == _PAGE else max(position, newest, *(e.number for e in found))
            if len(found) < _PAGE:
                if not found:
                    yield b":\n\n"
                await self._feed.wait(position)


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
