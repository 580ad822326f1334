"""GET /api/v1/costs/export: every row of cost as CSV, in the columns of FOCUS 1.2, streamed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

from tallystick_receiver.errors import InvalidQuestion
from tallystick_receiver.focus import COLUMNS, focus_row
from tallystick_receiver.query.completeness_json import header_of
from tallystick_receiver.query.export_formats import Csv, csv_cell
from tallystick_receiver.query.params import Words
from tallystick_receiver.query.streaming import Streaming, batches, file_headers
from tallystick_receiver.store.costs import exporting_costs

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from tallystick_receiver.query.asking import Desk
    from tallystick_receiver.question import Question

_WORDS: Final = Words(group_by=None, also=("format",))
_FIGURES: Final = frozenset({
    "BilledCost", "ConsumedQuantity", "ContractedCost", "ContractedUnitPrice", "EffectiveCost", "ListCost",
    "ListUnitPrice", "PricingQuantity",
})  # fmt: skip


class CostExportRoutes:
    """What usage costs, as a file.

    Args:
        desk: where questions arrive.
        streaming: how files leave.
    """

    def __init__(self, desk: Desk, streaming: Streaming) -> None:
        self._desk = desk
        self._streaming = streaming

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the route."""
        router.add_get("/api/v1/costs/export", self.export, allow_head=False)

    async def export(self, request: web.Request) -> web.StreamResponse:
        """A file; it is whole when the chunked answer ends as such, and the connection is cut otherwise."""
        caller = await self._desk.caller(request)
        question = self._desk.question(request, caller, _WORDS)
        kind = request.query.get("format") or "focus"
        if kind != "focus":
            raise InvalidQuestion(f"format must be focus, not {kind[:60]!r}")
        headers = file_headers(question, subject="focus", ending="csv", content_type=Csv.content_type)
        headers |= header_of(await self._desk.completeness(question, caller))
        return await self._streaming.answer(request, headers, self._pieces(question))

    async def _pieces(self, question: Question) -> AsyncGenerator[bytes, None]:
        begun = _encoded([_line(COLUMNS)])
        async with exporting_costs(self._desk.database, question, self._streaming.seconds_max) as charges:
            async for batch in batches(charges):
                yield begun + _encoded([_line(focus_row(charge)) for charge in batch])
                begun = b""
        yield begun


def _encoded(lines: list[str]) -> bytes:
    return "".join(lines).encode("utf-8", "backslashreplace")


def _line(cells: tuple[str | None, ...]) -> str:
    return ",".join(
        (cell or "") if name in _FIGURES else csv_cell(cell) for name, cell in zip(COLUMNS, cells, strict=True)
    ) + "\r\n"  # fmt: skip
