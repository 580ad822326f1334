"""Answers of any size: a few at once, in constant memory; one that cannot be whole cuts its connection."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Final, TypeVar

from aiohttp import web

from tallystick_receiver.errors import Unavailable
from tallystick_receiver.query.json_answer import rfc3339

if TYPE_CHECKING:
    from tallystick_receiver.question import Question

_log = logging.getLogger(__name__)
_ROWS_OF_A_BATCH: Final = 1000
_WATCH_SECONDS: Final = 0.2
Row = TypeVar("Row")


class Streaming:
    """Exports under way.

    Args:
        at_once_max: so many.
        seconds_max: how long one may take.
    """

    def __init__(self, *, at_once_max: int, seconds_max: float) -> None:
        self.seconds_max = seconds_max
        self._at_once_max = at_once_max
        self._running = 0

    async def answer(
        self, request: web.Request, headers: Mapping[str, str], pieces: AsyncGenerator[bytes, None]
    ) -> web.StreamResponse:
        """An answer that is whole when it ends as chunked answers do.

        Args:
            request: what is answered.
            headers: of the answer.
            pieces: of its body; whatever goes wrong before the first one is a problem with a sentence.

        Raises:
            Unavailable: too many are under way, or no piece came in time.
        """
        if self._running >= self._at_once_max:
            raise Unavailable(f"{self._at_once_max} exports are under way already")
        self._running += 1
        response = web.StreamResponse(headers=headers)
        task = asyncio.ensure_future(self._send(request, response, pieces))
        watch = asyncio.ensure_future(gone(request))
        try:
            await asyncio.wait({task, watch}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._running -= 1
            watch.cancel()
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        error = None if task.cancelled() else task.exception()
        if error is not None and not response.prepared:
            raise error
        if error is not None and not isinstance(error, ConnectionError):
            _log.warning("an export was cut short: %s", error)
        if (error is not None or task.cancelled()) and request.transport is not None:
            _cut(request.transport)
        return response

    async def _send(
        self, request: web.Request, response: web.StreamResponse, pieces: AsyncGenerator[bytes, None]
    ) -> None:
        try:
            async with asyncio.timeout(self.seconds_max), aclosing(pieces):
                async for piece in pieces:
                    if not response.prepared:
                        await response.prepare(request)
                    await response.write(piece)
        except TimeoutError:
            raise Unavailable(f"the export takes longer than {self.seconds_max} s") from None
        await response.write_eof()


async def batches(rows: AsyncIterator[Row]) -> AsyncIterator[list[Row]]:
    """Rows by the thousand."""
    batch: list[Row] = []
    async for row in rows:
        batch.append(row)
        if len(batch) == _ROWS_OF_A_BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def file_headers(question: Question, *, subject: str, ending: str, content_type: str) -> dict[str, str]:
    """Of a file about a window: what it is called, and what it is about."""
    name = f"{subject}-{question.start.date()}-{question.end.date()}.{ending}"
    return {
        "Content-Type": content_type,
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
        "Tallystick-From": rfc3339(question.start),
        "Tallystick-To": rfc3339(question.end),
        "Tallystick-Time-Zone": question.zone.key,
    }


def _cut(transport: asyncio.Transport) -> None:
    """End a connection so that the other side notices at once: what the kernel has not sent yet is not sent either."""
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def gone(request: web.Request) -> None:
    """Return when nobody waits for the answer any more."""
    # aiohttp tells nobody: its cancellation of handlers is for the whole application or for none.
    while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110
        await asyncio.sleep(_WATCH_SECONDS)
