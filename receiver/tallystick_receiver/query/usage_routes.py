"""GET /api/usage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tallystick_receiver.access import USAGE
from tallystick_receiver.query.json_answer import usage_answer
from tallystick_receiver.query.paging import PARAMETERS, page_of
from tallystick_receiver.query.params import Words
from tallystick_receiver.query.problem import answer
from tallystick_receiver.store.usage import read_usage

if TYPE_CHECKING:
    from aiohttp import web

    from tallystick_receiver.query.asking import Desk

_WORDS: Final = Words(also=PARAMETERS)


class UsageRoutes:
    """Who used how much."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the routes."""
        router.add_get("/api/usage", self.usage)

    async def usage(self, request: web.Request) -> web.Response:
        """Usage by type, project, time and dimension; exact at the moment of the answer."""
        caller = await self._desk.caller(request, USAGE)
        question = self._desk.question(request, caller, _WORDS)
        page = page_of(request.query, question, self._desk.rows_max)
        # Asked first: what is complete at this moment is in the answer, which is read later.
        completeness = await self._desk.completeness(question, caller)
        usage = await read_usage(self._desk.database, question, caller.hold, self._desk.rows_max)
        return answer(usage_answer(question, usage, completeness, page))
