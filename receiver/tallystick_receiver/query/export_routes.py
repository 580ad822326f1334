"""GET /api/v1/usage/export: usage of any size, streamed as CSV, NDJSON or Parquet in constant memory."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from tallystick_receiver.errors import InvalidQuestion, Unavailable
from tallystick_receiver.query.export_formats import FORMATS, Encoder
from tallystick_receiver.query.export_rows import ALL_DIMENSIONS, GROUPS, Table, Values, columns_of, values_of
from tallystick_receiver.query.json_answer import rfc3339
from tallystick_receiver.query.params import Words
from tallystick_receiver.query.parquet import ExtraMissingError
from tallystick_receiver.query.problem import problem
from tallystick_receiver.store.export import exporting, read_all

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from tallystick_receiver.holding import Hold
    from tallystick_receiver.query.asking import Desk
    from tallystick_receiver.store.usage import UsageRow

_log = logging.getLogger(__name__)
_WORDS: Final = Words(groups=GROUPS, also=("format",))
_ROWS_OF_A_BATCH: Final = 1000
_WATCH_SECONDS: Final = 0.2


class ExportRoutes:
    """Everything that was used, as a file.

    Args:
        desk: where questions arrive.
        exports_max: so many at once.
        seconds_max: how long one may take.
    """

    def __init__(self, desk: Desk, *, exports_max: int, seconds_max: float) -> None:
        self._desk = desk
        self._exports_max = exports_max
        self._seconds_max = seconds_max
        self._running = 0

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the route."""
        router.add_get("/api/v1/usage/export", self.export, allow_head=False)

    async def export(self, request: web.Request) -> web.StreamResponse:
        """A file; it is whole when the chunked answer ends as such, and the connection is cut otherwise."""
        caller = await self._desk.caller(request)
        asked = self._desk.question(request, caller, _WORDS)
        kind = request.query.get("format") or "csv"
        if kind not in FORMATS:
            raise InvalidQuestion(f"format must be one of {', '.join(FORMATS)}, not {kind[:60]!r}")
        try:
            names = columns_of(asked.group_by)
        except ValueError as error:
            raise InvalidQuestion(str(error)) from None
        question = replace(asked, group_by=tuple("" if g == ALL_DIMENSIONS else g for g in asked.group_by))
        table = Table(names=names, question=question, completeness=await self._desk.completeness(question, caller))
        try:
            encoder = FORMATS[kind](table)
        except ExtraMissingError as error:
            return problem(501, str(error))
        if self._running >= self._exports_max:
            raise Unavailable(f"{self._exports_max} exports are under way already")
        self._running += 1
        try:
            response = web.StreamResponse(headers=_headers(table, encoder, kind))
            return await while_connected(request, self._send(request, response, table, encoder, caller.hold), response)
        finally:
            self._running -= 1

    async def _send(
        self, request: web.Request, response: web.StreamResponse, table: Table, encoder: Encoder, hold: Hold
    ) -> None:
        """The status is sent with the first rows, so whatever goes wrong before them is a problem with a sentence."""
        values = values_of(table)
        try:
            async with (
                asyncio.timeout(self._seconds_max),
                exporting(self._desk.database, table.question, self._seconds_max) as scene,
            ):
                async for batch in _batches(read_all(scene, table.question, hold)):
                    if not response.prepared:
                        await response.prepare(request)
                        await response.write(encoder.begin())
                    piece = await asyncio.to_thread(_encoded, encoder, values, batch)
                    if piece:
                        await response.write(piece)
        except TimeoutError:
            raise Unavailable(f"the export takes longer than {self._seconds_max} s") from None
        if not response.prepared:
            await response.prepare(request)
            await response.write(encoder.begin())
        await response.write(await asyncio.to_thread(encoder.end))
        await response.write_eof()


def _encoded(encoder: Encoder, values: Callable[[UsageRow], Values], batch: list[UsageRow]) -> bytes:
    return encoder.rows([values(row) for row in batch])


async def _batches(rows: AsyncIterator[UsageRow]) -> AsyncIterator[list[UsageRow]]:
    batch: list[UsageRow] = []
    async for row in rows:
        batch.append(row)
        if len(batch) == _ROWS_OF_A_BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


async def while_connected(
    request: web.Request, work: Coroutine[Any, Any, None], response: web.StreamResponse
) -> web.StreamResponse:
    """Do it until it is done or nobody listens any more; what fails after the status was sent cuts the connection."""
    task = asyncio.ensure_future(work)
    watch = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({task, watch}, return_when=asyncio.FIRST_COMPLETED)
    finally:
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


def _cut(transport: asyncio.Transport) -> None:
    """End a connection so that the other side notices at once: what the kernel has not sent yet is not sent either."""
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def _gone(request: web.Request) -> None:
    # aiohttp tells nobody: its cancellation of handlers is for the whole application or for none.
    while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110
        await asyncio.sleep(_WATCH_SECONDS)


def _headers(table: Table, encoder: Encoder, kind: str) -> dict[str, str]:
    question, until = table.question, table.completeness["until"]
    name = f"usage-{question.start.date()}-{question.end.date()}.{kind}"
    return {
        "Content-Type": encoder.content_type,
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
        "Tallystick-From": rfc3339(question.start),
        "Tallystick-To": rfc3339(question.end),
        "Tallystick-Time-Zone": question.zone.key,
        "Tallystick-Completeness": table.completeness["state"] + (f"; until={until}" if until else ""),
    }
