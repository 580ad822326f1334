"""/api/v1/usage/alerts: a level for every threshold, and whom to tell."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from tallystick.semconv import METRIC_NAME_LENGTH_MAX
from tallystick_receiver.access import ADMIN, READ, Denied
from tallystick_receiver.errors import InvalidQuestion
from tallystick_receiver.query.fields import Fields, fields_of, known_parameters, org_parameter, own_org
from tallystick_receiver.query.json_answer import rfc3339
from tallystick_receiver.query.problem import answer, problem
from tallystick_receiver.query.threshold_routes import emails_of, percent_of
from tallystick_receiver.store.thresholds import delete_alert, read_alerts, write_alert
from tallystick_receiver.thresholds import LEVEL_MAX, Alert, new_id

if TYPE_CHECKING:
    from tallystick_receiver.access import Gate
    from tallystick_receiver.store.database import Database

_PERCENT: Final = f"threshold_percent must be a whole number from 1 to {LEVEL_MAX}"


class AlertRoutes:
    """Create, list and delete alerts."""

    def __init__(self, database: Database, gate: Gate, *, now_ns: Callable[[], int]) -> None:
        self._database = database
        self._gate = gate
        self._now_ns = now_ns

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the routes."""
        router.add_get("/api/v1/usage/alerts", self.list)
        router.add_post("/api/v1/usage/alerts", self.create)
        router.add_delete("/api/v1/usage/alerts/{id}", self.delete)

    async def list(self, request: web.Request) -> web.Response:
        """All alerts, oldest first."""
        access = await self._gate.access(request.headers.get("Authorization"), READ)
        known_parameters(request, "orgId")
        org = org_parameter(request, access)
        async with self._database.reading() as connection:
            found = await read_alerts(connection, org=org)
        return answer({"alerts": [_content(alert) for alert in found if access.org in (None, alert.org)]})

    async def create(self, request: web.Request) -> web.Response:
        """Add a level to every threshold that it concerns."""
        access = await self._gate.access(request.headers.get("Authorization"), ADMIN)
        fields = await fields_of(request)
        email = fields.optional_text("notify_email")
        metric = fields.optional_text("metric_key", length_max=METRIC_NAME_LENGTH_MAX)
        org = own_org(fields.optional_text("org_id"), access)
        if "" in (metric, org):
            raise InvalidQuestion("metric_key or org_id is empty")
        alert = Alert(
            id=new_id("alr"), org=org, metric=metric and metric.lower(),
            percent=percent_of(fields.take("threshold_percent"), _PERCENT),
            emails=() if email is None else emails_of(Fields({"notify_email": [email]}), "notify_email", ()),
            slack=fields.flag("notify_slack", default=False),
            created_at=datetime.fromtimestamp(self._now_ns() / 1e9, UTC),
        )  # fmt: skip
        fields.end()
        async with self._database.reading() as connection, connection.transaction():
            await write_alert(connection, alert)
        return answer(_content(alert), 201)

    async def delete(self, request: web.Request) -> web.Response:
        """Forget an alert."""
        access = await self._gate.access(request.headers.get("Authorization"), ADMIN)
        number = request.match_info["id"]
        if not number.isascii() or not number.isprintable():
            return problem(404, "there is no such alert")
        async with self._database.reading() as connection, connection.transaction():
            found = await read_alerts(connection, org=access.org, number=number)
            if not found:
                return problem(404, "there is no such alert")
            if access.org not in (None, found[0].org):
                raise Denied(403, "this alert is for all organisations")
            await delete_alert(connection, number)
        return web.Response(status=204)


def _content(alert: Alert) -> dict[str, Any]:
    return {
        "id": alert.id, "threshold_percent": alert.percent, "notify_email": alert.emails[0] if alert.emails else None,
        "notify_slack": alert.slack, "org_id": alert.org, "metric_key": alert.metric,
        "created_at": rfc3339(alert.created_at),
    }  # fmt: skip
