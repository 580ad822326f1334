"""/api/v1/deliveries: which event reached whom, what waits, what is parked and why; and sending again by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from tallystick.semconv import INT64_MAX
from tallystick_receiver.access import ADMIN, READ
from tallystick_receiver.deliveries import State
from tallystick_receiver.errors import InvalidQuestion
from tallystick_receiver.query.fields import (
    cursor_parameter,
    cursor_text,
    known_parameters,
    limit_parameter,
    org_parameter,
    parameter,
)
from tallystick_receiver.query.json_answer import rfc3339
from tallystick_receiver.query.problem import answer, problem
from tallystick_receiver.store.deliveries import StoredDelivery, read_deliveries, resend_delivery
from tallystick_receiver.store.webhooks import read_webhooks

if TYPE_CHECKING:
    from tallystick_receiver.access import Gate
    from tallystick_receiver.store.database import Database

_DIGITS_MAX: Final = 19


class DeliveryRoutes:
    """List deliveries, and have one sent again.

    A key that is bound to an organisation sees deliveries to recipients of that organisation only.
    """

    def __init__(self, database: Database, gate: Gate, *, now_ns: Callable[[], int]) -> None:
        self._database = database
        self._gate = gate
        self._now_ns = now_ns

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the routes."""
        router.add_get("/api/v1/deliveries", self.list)
        router.add_post("/api/v1/deliveries/{id}/resend", self.resend)

    async def list(self, request: web.Request) -> web.Response:
        """A page of deliveries, newest first."""
        access = await self._gate.access(request.headers.get("Authorization"), READ)
        known_parameters(request, "orgId", "state", "eventId", "webhookId", "limit", "cursor")
        org, limit, before = org_parameter(request, access), limit_parameter(request), cursor_parameter(request, 1)
        state, event, webhook = _state(request), parameter(request, "eventId"), parameter(request, "webhookId")
        number = None if before is None else _number(before[0])
        if before is not None and number is None:
            raise InvalidQuestion("cursor is not one that was given out")
        async with self._database.reading() as connection:
            found = await read_deliveries(
                connection, org=org, state=state, event=event, webhook=webhook, before=number, limit=limit
            )  # fmt: skip
        more = cursor_text(str(found[-1].number)) if len(found) == limit else None
        return answer({"deliveries": [_content(delivery) for delivery in found], "nextCursor": more})

    async def resend(self, request: web.Request) -> web.Response:
        """Have a delivery tried again at once, whatever became of it; its event keeps its id."""
        access = await self._gate.access(request.headers.get("Authorization"), ADMIN)
        number = _number(request.match_info["id"])
        if number is None:
            return problem(404, "there is no such delivery")
        async with self._database.reading() as connection, connection.transaction():
            found = await read_deliveries(connection, org=access.org, number=number)
            if not found:
                return problem(404, "there is no such delivery")
            if found[0].webhook is not None:
                webhooks = await read_webhooks(connection, number=found[0].webhook)
                if not webhooks or not webhooks[0].is_enabled:
                    return problem(409, "the endpoint is disabled: enable it first")
            await resend_delivery(connection, number, datetime.fromtimestamp(self._now_ns() / 1e9, UTC))
            (again,) = await read_deliveries(connection, number=number)
        return answer(_content(again))


def _state(request: web.Request) -> State | None:
    text = parameter(request, "state")
    if text is not None and text not in set(State):
        raise InvalidQuestion(f"state must be one of {', '.join(State)}")
    return None if text is None else State(text)


def _number(text: str) -> int | None:
    is_number = text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX
    return int(text) if is_number and int(text) <= INT64_MAX else None


def _content(delivery: StoredDelivery) -> dict[str, Any]:
    return {
        "id": str(delivery.number), "eventId": delivery.event, "eventType": delivery.event_type,
        "orgId": delivery.event_org, "kind": delivery.kind, "webhookId": delivery.webhook, "email": delivery.email,
        "state": delivery.state.value, "attempts": delivery.attempts, "lastError": delivery.error,
        "lastTryAt": _time(delivery.tried_at),
        "nextTryAt": _time(delivery.due_at) if delivery.state is State.WAITING else None,
        "endedAt": _time(delivery.finished_at),
    }  # fmt: skip


def _time(time: datetime | None) -> str | None:
    return None if time is None else rfc3339(time)
