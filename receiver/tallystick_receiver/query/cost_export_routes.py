"""GET /api/v1/costs/export: every row of cost as CSV, in the columns of FOCUS 1.2, streamed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from aiohttp import web

from tallystick_receiver.errors import InvalidQuestion, Unavailable
from tallystick_receiver.focus import COLUMNS, focus_row
from tallystick_receiver.query.export_formats import csv_cell
from tallystick_receiver.query.export_routes import while_connected
from tallystick_receiver.query.json_answer import rfc3339
from tallystick_receiver.query.params import Words
from tallystick_receiver.store.costs import exporting_costs

if TYPE_CHECKING:
    from tallystick_receiver.query.asking import Desk
    from tallystick_receiver.question import Question

_WORDS: Final = Words(group_by=None, also=("format",))
_ROWS_OF_A_BATCH: Final = 1000
_FIGURES: Final = frozenset({
    "BilledCost", "ConsumedQuantity", "ContractedCost", "ContractedUnitPrice", "EffectiveCost", "ListCost",
    "ListUnitPrice", "PricingQuantity",
})  # fmt: skip


class CostExportRoutes:
    """What usage costs, as a file.

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
        router.add_get("/api/v1/costs/export", self.export, allow_head=False)

    async def export(self, request: web.Request) -> web.StreamResponse:
        """A file; it is whole when the chunked answer ends as such, and the connection is cut otherwise."""
        caller = await self._desk.caller(request)
        question = self._desk.question(request, caller, _WORDS)
        kind = request.query.get("format") or "focus"
        if kind != "focus":
            raise InvalidQuestion(f"format must be focus, not {kind[:60]!r}")
        if self._running >= self._exports_max:
            raise Unavailable(f"{self._exports_max} exports are under way already")
        self._running += 1
        try:
            response = web.StreamResponse(headers=_headers(question))
            return await while_connected(request, self._send(request, response, question), response)
        finally:
            self._running -= 1

    async def _send(self, request: web.Request, response: web.StreamResponse, question: Question) -> None:
        try:
            async with (
                asyncio.timeout(self._seconds_max),
                exporting_costs(self._desk.database, question, self._seconds_max) as charges,
            ):
                lines = [_line(COLUMNS)]
                async for charge in charges:
                    lines.append(_line(focus_row(charge)))
                    if len(lines) >= _ROWS_OF_A_BATCH:
                        await _write(request, response, lines)
                        lines = []
        except TimeoutError:
            raise Unavailable(f"the export takes longer than {self._seconds_max} s") from None
        await _write(request, response, lines)
        await response.write_eof()


async def _write(request: web.Request, response: web.StreamResponse, lines: list[str]) -> None:
    if not response.prepared:
        await response.prepare(request)
    if lines:
        await response.write("".join(lines).encode("utf-8", "backslashreplace"))


def _line(cells: tuple[str | None, ...]) -> str:
    return ",".join(
        (cell or "") if name in _FIGURES else csv_cell(cell) for name, cell in zip(COLUMNS, cells, strict=True)
    ) + "\r\n"  # fmt: skip


def _headers(question: Question) -> dict[str, str]:
    name = f"focus-{question.start.date()}-{question.end.date()}.csv"
    return {
        "Content-Type": "text/csv; charset=utf-8; header=present",
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
        "Tallystick-From": rfc3339(question.start),
        "Tallystick-To": rfc3339(question.end),
        "Tallystick-Time-Zone": question.zone.key,
    }
