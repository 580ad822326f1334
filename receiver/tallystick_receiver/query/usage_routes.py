"""GET /api/usage."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aiohttp import web

from tallystick_receiver.access import READ, Denied
from tallystick_receiver.holding import Hold
from tallystick_receiver.query.completeness_json import in_short
from tallystick_receiver.query.json_answer import usage_answer
from tallystick_receiver.query.params import question_of
from tallystick_receiver.query.problem import answer
from tallystick_receiver.store.usage import read_usage

if TYPE_CHECKING:
    from tallystick_receiver.access import Gate
    from tallystick_receiver.query.completeness_routes import Books
    from tallystick_receiver.store.database import Database


class UsageRoutes:
    """Who used how much."""

    def __init__(
        self,
        database: Database,
        gate: Gate,
        books: Books,
        *,
        now_ns: Callable[[], int],
        rows_max: int,
        hold_seconds: int,
    ) -> None:
        self._database = database
        self._books = books
        self._gate = gate
        self._now_ns = now_ns
        self._rows_max = rows_max
        self._hold_seconds = hold_seconds

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the routes."""
        router.add_get("/api/usage", self.usage)

    async def usage(self, request: web.Request) -> web.Response:
        """Usage by type, project, time and dimension; exact at the moment of the answer."""
        access = await self._gate.access(request.headers.get("Authorization"), READ)
        hold = Hold(seconds=self._hold_seconds, now_ns=self._now_ns())
        now = datetime.fromtimestamp(hold.now_ns / 1e9, UTC)
        try:
            question = question_of(request.query, now, access.org)
        except PermissionError as error:
            raise Denied(403, str(error)) from None
        # Asked first: what is complete at this moment is in the answer, which is read later.
        completeness = await self._books.read(question, now)
        usage = await read_usage(self._database, question, hold, self._rows_max)
        return answer(usage_answer(question, usage, in_short(completeness, access.org)))
