"""/api/v1/webhooks: endpoints that events are sent to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from tallystick_receiver.access import ADMIN, Access
from tallystick_receiver.deliver.addresses import BadTargetError
from tallystick_receiver.errors import InvalidQuestion
from tallystick_receiver.events import EventType
from tallystick_receiver.query.fields import (
    Fields,
    cursor_parameter,
    cursor_text,
    fields_of,
    known_parameters,
    limit_parameter,
    org_parameter,
    own_org,
)
from tallystick_receiver.query.json_answer import rfc3339
from tallystick_receiver.query.problem import answer, problem
from tallystick_receiver.store.webhooks import (
    TooManyWebhooks,
    change_webhook,
    create_webhook,
    delete_webhook,
    lock_webhooks,
    read_webhooks,
)
from tallystick_receiver.thresholds import new_id
from tallystick_receiver.webhooks import Webhook, WebhookKind, new_secret

if TYPE_CHECKING:
    import asyncpg

    from tallystick_receiver.access import Gate
    from tallystick_receiver.deliver.outside import Outside
    from tallystick_receiver.store.database import Database

_PATH: Final = "/api/v1/webhooks"
_URL_LENGTH_MAX: Final = 2048
_DESCRIPTION_LENGTH_MAX: Final = 2000
_NO_SUCH: Final = "there is no such endpoint"


class WebhookRoutes:
    """Create, read, update, delete and list endpoints, and give one another secret.

    A key that is bound to an organisation sees and changes the endpoints of that organisation only.
    """

    def __init__(
        self, database: Database, gate: Gate, outside: Outside, *, now_ns: Callable[[], int], webhooks_max: int
    ) -> None:  # fmt: skip
        self._database = database
        self._gate = gate
        self._outside = outside
        self._now_ns = now_ns
        self._webhooks_max = webhooks_max

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the routes."""
        router.add_get(_PATH, self.list)
        router.add_post(_PATH, self.create)
        router.add_get(_PATH + "/{id}", self.show)
        router.add_patch(_PATH + "/{id}", self.update)
        router.add_delete(_PATH + "/{id}", self.delete)
        router.add_post(_PATH + "/{id}/rotate", self.rotate)

    async def list(self, request: web.Request) -> web.Response:
        """A page of endpoints, by id."""
        access = await self._access(request)
        known_parameters(request, "orgId", "limit", "cursor")
        org, limit, after = org_parameter(request, access), limit_parameter(request), cursor_parameter(request, 1)
        async with self._database.reading() as connection:
            found = await read_webhooks(connection, org=org, after=after[0] if after else None, limit=limit)
        more = cursor_text(found[-1].id) if len(found) == limit else None
        return answer({"webhooks": [_content(webhook) for webhook in found], "nextCursor": more})

    async def show(self, request: web.Request) -> web.Response:
        """One endpoint, without its secret."""
        access = await self._access(request)
        async with self._database.reading() as connection:
            found = await _find(connection, request, access)
        return problem(404, _NO_SUCH) if found is None else answer(_content(found))

    async def create(self, request: web.Request) -> web.Response:
        """Have events sent from now on; the answer is the only one that shows the secret."""
        access = await self._access(request)
        fields = await fields_of(request)
        now = self._now()
        kind = fields.choice("kind", WebhookKind, WebhookKind.WEBHOOK)
        is_slack = kind is WebhookKind.SLACK
        org = own_org(fields.optional_text("orgId"), access)
        if org == "":
            raise InvalidQuestion("orgId is empty")
        fresh = Webhook(
            id=new_id("whk"), kind=kind, org=org, url="", types=() if is_slack else None, description="",
            is_enabled=True, disabled_because=None, secret=None if is_slack else new_secret(), old_secret=None,
            old_secret_until=None, created_at=now, updated_at=now,
        )  # fmt: skip
        webhook = replace(fresh, **await self._changes(fresh, fields))
        try:
            async with self._database.reading() as connection, connection.transaction():
                await create_webhook(connection, webhook, most=self._webhooks_max)
        except TooManyWebhooks:
            return problem(409, f"there are {self._webhooks_max} endpoints already (webhooks_per_org_max)")
        response = answer(_with_secret(webhook), 201)
        response.headers["Location"] = f"{_PATH}/{webhook.id}"
        return response

    async def update(self, request: web.Request) -> web.Response:
        """Change what is named in the body; enabling sends what comes from now on."""
        access = await self._access(request)
        fields = await fields_of(request)
        async with self._database.reading() as connection:
            found = await _find(connection, request, access)
        if found is None:
            return problem(404, _NO_SUCH)
        for name, value in (("orgId", found.org), ("kind", found.kind.value)):
            if name in fields and fields.take(name) != value:
                raise InvalidQuestion(f"{name} cannot be changed: create another endpoint")
        changes = await self._changes(found, fields)  # looks names up, so no transaction is open meanwhile
        async with self._database.reading() as connection, connection.transaction():
            await lock_webhooks(connection)
            found = await _find(connection, request, access)
            if found is None:
                return problem(404, _NO_SUCH)
            webhook = replace(found, **changes, updated_at=self._now())
            await change_webhook(connection, webhook)
        return answer(_content(webhook))

    async def delete(self, request: web.Request) -> web.Response:
        """Forget an endpoint and its deliveries."""
        access = await self._access(request)
        async with self._database.reading() as connection, connection.transaction():
            found = await _find(connection, request, access)
            if found is None:
                return problem(404, _NO_SUCH)
            await delete_webhook(connection, found.id)
        return web.Response(status=204)

    async def rotate(self, request: web.Request) -> web.Response:
        """Another secret; for a day the one before it signs, too."""
        access = await self._access(request)
        async with self._database.reading() as connection, connection.transaction():
            await lock_webhooks(connection)
            found = await _find(connection, request, access)
            if found is None:
                return problem(404, _NO_SUCH)
            if found.secret is None:
                return problem(409, "an endpoint of the kind slack has no secret: its URL is one")
            webhook = found.rotated(self._now())
            await change_webhook(connection, webhook)
        return answer(_with_secret(webhook))

    async def _changes(self, base: Webhook, fields: Fields) -> dict[str, Any]:
        """What a body changes, by attribute, each field checked."""
        changes: dict[str, Any] = {}
        url = fields.text("url", base.url or None, length_max=_URL_LENGTH_MAX)
        if "types" in fields:
            changes["types"] = _types(fields, base.kind)
        if "description" in fields:
            changes["description"] = fields.text(
                "description", "", length_max=_DESCRIPTION_LENGTH_MAX, may_be_empty=True
            )  # fmt: skip
        is_enabled = fields.flag("isEnabled", default=base.is_enabled)
        if is_enabled != base.is_enabled:
            changes |= {"is_enabled": is_enabled, "disabled_because": None}
        for name in ("id", "disabledBecause", "createdAt", "updatedAt"):
            fields.take(name)
        fields.end()
        if url != base.url:
            try:
                changes["url"] = await self._outside.check(url)
            except BadTargetError as error:
                raise InvalidQuestion(str(error)) from None
        return changes

    async def _access(self, request: web.Request) -> Access:
        return await self._gate.access(request.headers.get("Authorization"), ADMIN)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._now_ns() / 1e9, UTC)


async def _find(connection: asyncpg.Connection, request: web.Request, access: Access) -> Webhook | None:
    number = request.match_info["id"]
    if not number.isascii() or not number.isprintable():
        return None
    found = await read_webhooks(connection, org=access.org, number=number)
    return found[0] if found else None


def _types(fields: Fields, kind: WebhookKind) -> tuple[str, ...] | None:
    """The types of events it subscribes to; null is all of them."""
    types = fields.take("types")
    if types is None:
        return None
    known = ", ".join(EventType)
    if not isinstance(types, list) or not all(isinstance(text, str) and text in set(EventType) for text in types):
        raise InvalidQuestion(f"types must be null (all) or a list of some of {known}")
    if not types and kind is WebhookKind.WEBHOOK:
        raise InvalidQuestion("types is empty: such a webhook would be told nothing")
    return tuple(dict.fromkeys(types))


def _with_secret(webhook: Webhook) -> dict[str, Any]:
    return _content(webhook) | {"secret": webhook.secret}


def _content(webhook: Webhook) -> dict[str, Any]:
    return {
        "id": webhook.id, "kind": webhook.kind.value, "orgId": webhook.org, "url": webhook.url,
        "types": None if webhook.types is None else list(webhook.types), "description": webhook.description,
        "isEnabled": webhook.is_enabled, "disabledBecause": webhook.disabled_because,
        "createdAt": rfc3339(webhook.created_at), "updatedAt": rfc3339(webhook.updated_at),
    }  # fmt: skip
