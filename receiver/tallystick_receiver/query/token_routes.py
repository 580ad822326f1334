"""POST /api/v1/tokens: what a product hands to its own pages instead of a key."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tallystick_receiver.access import READ, ReadToken, new_token
from tallystick_receiver.errors import InvalidQuestion
from tallystick_receiver.query.fields import Fields, fields_of, own_org
from tallystick_receiver.query.json_answer import rfc3339
from tallystick_receiver.query.problem import answer, problem
from tallystick_receiver.store.tokens import write_token

if TYPE_CHECKING:
    from aiohttp import web

    from tallystick_receiver.access import Gate
    from tallystick_receiver.store.database import Database

_PATH: Final = "/api/v1/tokens"
_SECONDS_DEFAULT: Final = 300


class TokenRoutes:
    """Short-lived tokens that read the usage of one organisation.

    Args:
        database: where their hashes are kept.
        gate: who may read may hand out.
        seconds_max: how long one may live.
        living_max: how many of one key may live at once.
    """

    def __init__(self, database: Database, gate: Gate, *, seconds_max: int, living_max: int) -> None:
        self._database = database
        self._gate = gate
        self._seconds_max = seconds_max
        self._living_max = living_max

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the route."""
        router.add_post(_PATH, self.create)

    async def create(self, request: web.Request) -> web.Response:
        """A token for an organisation that the key may read."""
        access = await self._gate.access(request.headers.get("Authorization"), READ)
        fields = await fields_of(request)
        org = own_org(fields.optional_text("orgId"), access)
        seconds = self._seconds(fields)
        fields.end()
        if not org:
            raise InvalidQuestion("orgId says whose usage the token reads: name one organisation")
        text, secret = new_token()
        token = ReadToken(key_id=access.key_id, org=org)
        expires = await write_token(
            self._database, secret, token, seconds=seconds, living_max=self._living_max
        )  # fmt: skip
        if expires is None:
            return problem(503, f"{self._living_max} tokens of this key live already: hand one out several times")
        content = {
            "token": text, "orgId": org, "expiresAt": rfc3339(expires), "lifetimeSeconds": seconds,
        }  # fmt: skip
        response = answer(content, 201)
        response.headers["Cache-Control"] = "no-store"
        return response

    def _seconds(self, fields: Fields) -> int:
        value = fields.take("lifetimeSeconds")
        if value is None:
            return min(_SECONDS_DEFAULT, self._seconds_max)
        is_number = isinstance(value, int | Decimal) and not isinstance(value, bool)
        if not is_number or not 1 <= value <= self._seconds_max or value != int(value):
            raise InvalidQuestion(
                f"lifetimeSeconds must be a whole number, 1 to {self._seconds_max} (token_seconds_max)"
            )
        return int(value)
