"""GET /api/v1/usage/export: usage of any size, streamed as CSV, NDJSON or Parquet in constant memory."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from aiohttp import web

from tallystick_receiver.errors import InvalidQuestion
from tallystick_receiver.query.completeness_json import header_of
from tallystick_receiver.query.export_formats import FORMATS, Encoder
from tallystick_receiver.query.export_rows import ALL_DIMENSIONS, GROUPS, Table, Values, columns_of, values_of
from tallystick_receiver.query.params import Words
from tallystick_receiver.query.parquet import ExtraMissingError
from tallystick_receiver.query.problem import problem
from tallystick_receiver.query.streaming import Streaming, batches, file_headers
from tallystick_receiver.store.export import exporting, read_all

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from tallystick_receiver.holding import Hold
    from tallystick_receiver.query.asking import Desk
    from tallystick_receiver.store.usage import UsageRow

_WORDS: Final = Words(groups=GROUPS, also=("format",))


class ExportRoutes:
    """Everything that was used, as a file.

    Args:
        desk: where questions arrive.
        streaming: how files leave.
    """

    def __init__(self, desk: Desk, streaming: Streaming) -> None:
        self._desk = desk
        self._streaming = streaming

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
        return await self._streaming.answer(
            request, _headers(table, encoder, kind), self._pieces(table, encoder, caller.hold)
        )

    async def _pieces(self, table: Table, encoder: Encoder, hold: Hold) -> AsyncGenerator[bytes, None]:
        values, question = values_of(table), table.question
        begun = encoder.begin()
        async with exporting(self._desk.database, question, self._streaming.seconds_max) as scene:
            async for batch in batches(read_all(scene, question, hold)):
                piece = begun + await asyncio.to_thread(_encoded, encoder, values, batch)
                if piece:
                    yield piece
                begun = b""
        yield begun + await asyncio.to_thread(encoder.end)


def _encoded(encoder: Encoder, values: Callable[[UsageRow], Values], batch: list[UsageRow]) -> bytes:
    return encoder.rows([values(row) for row in batch])


def _headers(table: Table, encoder: Encoder, kind: str) -> dict[str, str]:
    headers = file_headers(table.question, subject="usage", ending=kind, content_type=encoder.content_type)
    return headers | header_of(table.completeness)
