"""Server-sent events: streams that last as long as somebody reads them and may."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from aiohttp import web

from tallystick_receiver.access import Denied
from tallystick_receiver.errors import Unavailable
from tallystick_receiver.query.streaming import gone

if TYPE_CHECKING:
    from tallystick_receiver.access import Access, Gate

_STREAMS_MAX: Final = 200
QUIET: Final = b":\n\n"
"""A comment: keeps the connection while there is nothing to say."""
QUIET_SECONDS: Final = 15.0
_AGAIN_MILLISECONDS: Final = 2000
_LOOK_SECONDS: Final = 2.0
_HEADERS: Final = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx would keep events until it has enough of them
}


class Live:
    """The streams of this process.

    Args:
        gate: asked again and again whether the key of a stream is still valid.
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._open = 0
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """End all streams."""
        self._stopping.set()

    async def answer(
        self, request: web.Request, access: Access, scope: str, texts: AsyncGenerator[bytes, None]
    ) -> web.StreamResponse:
        """A stream of texts.

        Args:
            request: what is answered.
            access: what its bearer may do; when that changes, the stream ends.
            scope: that it needs.
            texts: events in the form of the protocol.

        Raises:
            Unavailable: there are too many streams.
        """
        if self._open >= _STREAMS_MAX:
            raise Unavailable(f"there are {_STREAMS_MAX} streams already")
        self._open += 1
        response = web.StreamResponse(headers=_HEADERS)
        sending = asyncio.ensure_future(_send(request, response, texts))
        ends = [
            asyncio.ensure_future(end)
            for end in (gone(request), self._stopping.wait(), self._denied(request, access, scope))
        ]
        try:
            await asyncio.wait({sending, *ends}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._open -= 1
            for task in (sending, *ends):
                task.cancel()
            await asyncio.gather(sending, *ends, return_exceptions=True)
        error = None if sending.cancelled() else sending.exception()
        if error is not None and not isinstance(error, (ConnectionError, Unavailable)):
            raise error
        return response

    async def _denied(self, request: web.Request, access: Access, scope: str) -> None:
        """Return when the bearer may no longer do what he could; a database that is away changes nothing."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                if await self._gate.access(request.headers.get("Authorization"), scope) != access:
                    return
            except Denied:
                return
            except Unavailable:
                continue


async def _send(request: web.Request, response: web.StreamResponse, texts: AsyncGenerator[bytes, None]) -> None:
    async with aclosing(texts):
        await response.prepare(request)
        await response.write(b"retry: %d\n\n" % _AGAIN_MILLISECONDS)
        async for text in texts:
            await response.write(text)
