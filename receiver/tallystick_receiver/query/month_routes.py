"""/api/v1/costs/months: which months may still change, closing one, and booking what it differs by since."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from tallystick_receiver.access import ADMIN, READ, Denied
from tallystick_receiver.errors import InvalidQuestion
from tallystick_receiver.query.fields import known_parameters
from tallystick_receiver.query.json_answer import rfc3339
from tallystick_receiver.query.problem import answer, problem
from tallystick_receiver.store.months import Month, adjust_month, ask_to_close, read_months

if TYPE_CHECKING:
    from tallystick_receiver.access import Gate
    from tallystick_receiver.store.database import Database

_PATH: Final = "/api/v1/costs/months"
_MONTH: Final = re.compile(r"((?:19|20)\d\d)-(0[1-9]|1[0-2])")


class MonthRoutes:
    """Months of cost, of UTC and for all organisations."""

    def __init__(self, database: Database, gate: Gate, *, now_ns: Callable[[], int]) -> None:
        self._database = database
        self._gate = gate
        self._now_ns = now_ns

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the routes."""
        router.add_get(_PATH, self.list)
        router.add_post(_PATH + "/{month}/close", self.close)
        router.add_post(_PATH + "/{month}/adjust", self.adjust)

    async def list(self, request: web.Request) -> web.Response:
        """Months that have costs."""
        await self._gate.access(request.headers.get("Authorization"), READ)
        known_parameters(request)
        async with self._database.reading() as connection:
            months = await read_months(connection)
        return answer({"months": [_content(month) for month in months.values()]})

    async def close(self, request: web.Request) -> web.Response:
        """Freeze a month, as soon as everything that is stored of it is priced."""
        month = await self._month(request)
        async with self._database.reading() as connection, connection.transaction():
            found = (await read_months(connection)).get(month)
            if found is None:
                return problem(404, "this month has no costs")
            now = datetime.fromtimestamp(self._now_ns() / 1e9, UTC)
            await ask_to_close(connection, month, now)
            found = (await read_months(connection))[month]
        return answer(_content(found), 202)

    async def adjust(self, request: web.Request) -> web.Response:
        """Price a closed month by the rates that are known now; what differs becomes adjustments."""
        month = await self._month(request)
        async with self._database.reading() as connection, connection.transaction():
            found = (await read_months(connection)).get(month)
            if found is None or found.closed_at is None:
                return problem(409, "this month is not closed: its costs follow its rates by themselves")
            await adjust_month(connection, month)
            found = (await read_months(connection))[month]
        return answer(_content(found), 202)

    async def _month(self, request: web.Request) -> datetime:
        access = await self._gate.access(request.headers.get("Authorization"), ADMIN)
        if access.org is not None:
            raise Denied(403, "months are closed for all organisations: this key is bound to one")
        text = request.match_info["month"]
        found = _MONTH.fullmatch(text)
        if found is None:
            raise InvalidQuestion(f"the month must be like 2026-10, not {text[:60]!r}")
        return datetime(int(found[1]), int(found[2]), 1, tzinfo=UTC)


def _content(month: Month) -> dict[str, Any]:
    state = "closed" if month.closed_at else "closing" if month.asked_at else "open"
    return {
        "month": f"{month.month:%Y-%m}", "state": state, "begunAt": rfc3339(month.begun_at),
        "closedAt": _time(month.closed_at), "ratesKnownAt": _time(month.known_at),
    }  # fmt: skip


def _time(time: datetime | None) -> str | None:
    return None if time is None else rfc3339(time)
