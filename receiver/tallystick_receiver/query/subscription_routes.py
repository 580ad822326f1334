"""/api/v1/events/subscriptions: which usage is told as events."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tallystick.semconv import METRIC_NAME_LENGTH_MAX
from tallystick_receiver.access import ADMIN, READ, Denied
from tallystick_receiver.errors import InvalidQuestion
from tallystick_receiver.query.fields import fields_of, known_parameters, org_parameter, own_org
from tallystick_receiver.query.json_answer import rfc3339
from tallystick_receiver.query.problem import answer, problem
from tallystick_receiver.store.subscriptions import delete_subscription, read_subscriptions, write_subscription
from tallystick_receiver.subscriptions import Span, Subscription, Told

if TYPE_CHECKING:
    from tallystick_receiver.access import Gate
    from tallystick_receiver.store.database import Database

_PATH = "/api/v1/events/subscriptions"


class SubscriptionRoutes:
    """Create, list and delete subscriptions."""

    def __init__(self, database: Database, gate: Gate, *, now_ns: Callable[[], int]) -> None:
        self._database = database
        self._gate = gate
        self._now_ns = now_ns

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the routes."""
        router.add_get(_PATH, self.list)
        router.add_post(_PATH, self.create)
        router.add_delete(_PATH + "/{id}", self.delete)

    async def list(self, request: web.Request) -> web.Response:
        """All subscriptions that concern the caller, oldest first."""
        access = await self._gate.access(request.headers.get("Authorization"), READ)
        known_parameters(request, "orgId")
        org = org_parameter(request, access)
        async with self._database.reading() as connection:
            found = await read_subscriptions(connection, org=org)
        shown = [_content(subscription) for subscription in found if access.org in (None, subscription.org)]
        return answer({"subscriptions": shown})

    async def create(self, request: web.Request) -> web.Response:
        """Ask for events; the same wish again is the same subscription (200)."""
        access = await self._gate.access(request.headers.get("Authorization"), ADMIN)
        fields = await fields_of(request)
        kind = fields.choice("type", Told, None)
        org = own_org(fields.optional_text("orgId"), access)
        metric = fields.optional_text("metricKey", length_max=METRIC_NAME_LENGTH_MAX)
        if "" in (metric, org):
            raise InvalidQuestion("metricKey or orgId is empty")
        if kind is not Told.AGGREGATED and "periodType" in fields:
            raise InvalidQuestion(f"periodType goes with {Told.AGGREGATED}")
        span = fields.choice("periodType", Span, Span.DAILY) if kind is Told.AGGREGATED else None
        fields.end()
        wanted = Subscription(
            type=kind, org=org, metric=metric and metric.lower(), span=span,
            created_at=datetime.fromtimestamp(self._now_ns() / 1e9, UTC),
        )  # fmt: skip
        async with self._database.reading() as connection, connection.transaction():
            is_new = await write_subscription(connection, wanted)
            (kept,) = await read_subscriptions(connection, number=wanted.id)
        return answer(_content(kept), 201 if is_new else 200)

    async def delete(self, request: web.Request) -> web.Response:
        """Ask for them no longer."""
        access = await self._gate.access(request.headers.get("Authorization"), ADMIN)
        number = request.match_info["id"]
        if not number.isascii() or not number.isprintable():
            return problem(404, "there is no such subscription")
        async with self._database.reading() as connection, connection.transaction():
            found = await read_subscriptions(connection, org=access.org, number=number)
            if not found:
                return problem(404, "there is no such subscription")
            if access.org not in (None, found[0].org):
                raise Denied(403, "this subscription is for all organisations")
            await delete_subscription(connection, number)
        return web.Response(status=204)


def _content(subscription: Subscription) -> dict[str, Any]:
    return {
        "id": subscription.id, "type": subscription.type.value, "orgId": subscription.org,
        "metricKey": subscription.metric, "periodType": subscription.span and subscription.span.value,
        "createdAt": rfc3339(subscription.created_at),
    }  # fmt: skip
