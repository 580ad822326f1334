"""/api/v1/balances/refills: credits that are granted again and again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from aiohttp import web

from tallystick_receiver.access import ADMIN, READ
from tallystick_receiver.credits import Every, Refill
from tallystick_receiver.errors import InvalidQuestion
from tallystick_receiver.query.balance_routes import usual_account
from tallystick_receiver.query.credit_fields import refill_json, subject_of, subject_parameters, time_field
from tallystick_receiver.query.fields import (
    Fields,
    cursor_parameter,
    cursor_text,
    fields_of,
    known_parameters,
    limit_parameter,
    org_parameter,
)
from tallystick_receiver.query.problem import answer, problem
from tallystick_receiver.store.credits import end_refill, open_account, read_refills, write_refill
from tallystick_receiver.thresholds import new_id

if TYPE_CHECKING:
    from tallystick_receiver.access import Gate
    from tallystick_receiver.store.database import Database

_PATH: Final = "/api/v1/balances/refills"
_COUNT_MAX: Final = 1000
_PAST_MAX: Final = timedelta(days=366)


class RefillRoutes:
    """Create, list and end schedules."""

    def __init__(self, database: Database, gate: Gate, *, now_ns: Callable[[], int]) -> None:
        self._database = database
        self._gate = gate
        self._now_ns = now_ns

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the routes."""
        router.add_get(_PATH, self.list)
        router.add_post(_PATH, self.create)
        router.add_delete(_PATH + "/{id}", self.end)

    async def list(self, request: web.Request) -> web.Response:
        """A page of schedules, by id; those that ended, too."""
        access = await self._gate.access(request.headers.get("Authorization"), READ)
        known_parameters(request, "orgId", "subjectType", "subjectId", "limit", "cursor")
        org, limit, after = org_parameter(request, access), limit_parameter(request), cursor_parameter(request, 1)
        kind, subject = subject_parameters(request)
        async with self._database.reading() as connection:
            found = await read_refills(
                connection, org=org, subject_type=kind, subject=subject, after=after[0] if after else None, limit=limit
            )
        more = cursor_text(found[-1].refill.id) if len(found) == limit else None
        return answer({"refills": [refill_json(schedule) for schedule in found], "nextCursor": more})

    async def create(self, request: web.Request) -> web.Response:
        """Begin a schedule; its account is opened where there is none. What is due already is booked in a moment."""
        access = await self._gate.access(request.headers.get("Authorization"), ADMIN)
        fields = await fields_of(request)
        now = datetime.fromtimestamp(self._now_ns() / 1e9, UTC)
        account = usual_account(subject_of(fields, access), now)
        refill = _refill(fields, now)
        async with self._database.reading() as connection, connection.transaction():
            account_id, _ = await open_account(connection, account, says_hour=None)
            await write_refill(connection, account_id, refill, now)
            found = await read_refills(connection, org=account.org, number=refill.id)
        response = answer(refill_json(found[0]), 201)
        response.headers["Location"] = f"{_PATH}/{refill.id}"
        return response

    async def end(self, request: web.Request) -> web.Response:
        """End a schedule now; what is booked stays booked."""
        access = await self._gate.access(request.headers.get("Authorization"), ADMIN)
        number = request.match_info["id"]
        if not number.isascii() or not number.isprintable():
            return problem(404, "there is no such refill")
        async with self._database.reading() as connection, connection.transaction():
            if not await read_refills(connection, org=access.org, number=number):
                return problem(404, "there is no such refill")
            await end_refill(connection, number, datetime.fromtimestamp(self._now_ns() / 1e9, UTC))
        return web.Response(status=204)


def _refill(fields: Fields, now: datetime) -> Refill:
    zone = fields.zone("timeZone", "UTC")
    count = fields.take("every")
    if count is not None and (isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= _COUNT_MAX):
        raise InvalidQuestion(f"every must be 1 to {_COUNT_MAX}")
    starts = time_field(fields, "startsAt", now, zone)
    ends = time_field(fields, "endsAt", starts, zone) if "endsAt" in fields else None
    if now - starts > _PAST_MAX:
        raise InvalidQuestion(f"startsAt is more than {_PAST_MAX.days} days ago")
    if ends is not None and ends <= starts:
        raise InvalidQuestion("endsAt must be after startsAt")
    refill = Refill(
        id=new_id("ref"), amount=fields.decimal("amount"), count=count or 1,
        every=fields.choice("unit", Every, Every.MONTH), zone=zone, starts_at=starts, ends_at=ends,
        note=fields.text("note", "", length_max=1024, may_be_empty=True),
    )  # fmt: skip
    fields.end()
    return refill
