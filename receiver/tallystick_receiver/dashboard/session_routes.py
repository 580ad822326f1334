"""/api/v1/session: signing in with a key, who is signed in, and signing out."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from tallystick_receiver.access import READ, SCOPES, Access, Denied
from tallystick_receiver.dashboard.session_cookie import hand_out, refuse_other_sites, take_back
from tallystick_receiver.errors import InvalidQuestion
from tallystick_receiver.query.json_answer import rfc3339
from tallystick_receiver.query.problem import answer, problem

if TYPE_CHECKING:
    from tallystick_receiver.access import Gate

_PATH: Final = "/api/v1/session"
_BYTES_MAX: Final = 16384
_KEY_LENGTH_MAX: Final = 1000


class SessionRoutes:
    """Sessions of the dashboard."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the routes."""
        router.add_get(_PATH, self.show)
        router.add_post(_PATH, self.sign_in)
        router.add_delete(_PATH, self.sign_out)

    async def show(self, request: web.Request) -> web.Response:
        """Who is signed in, or that nobody is; 200 in any case."""
        if await self._gate.is_open():
            return _answer({"state": "open", "orgId": None, "scopes": list(SCOPES)})
        try:
            access = await self._gate.access(request.headers.get("Authorization"), READ)
        except Denied:
            return _answer({"state": "signedOut", "orgId": None, "scopes": []})
        return _answer(_signed_in(access))

    async def sign_in(self, request: web.Request) -> web.Response:
        """Exchange a key for a cookie that stands for it, for twelve hours."""
        refuse_other_sites(request)
        if request.content_type != "application/json":
            return problem(415, "send application/json")
        text = await _key_of(request)
        access = await self._gate.access(f"Bearer {text}", READ)
        if access.key_id is None:
            return _answer({"state": "open", "orgId": None, "scopes": list(SCOPES)})
        token, expires = self._gate.sessions.issue(access.key_id)
        response = _answer(_signed_in(access) | {"expiresAt": rfc3339(datetime.fromtimestamp(expires, UTC))})
        hand_out(response, request, token)
        return response

    async def sign_out(self, request: web.Request) -> web.Response:
        """Take the cookie back."""
        refuse_other_sites(request)
        response = web.Response(status=204)
        take_back(response)
        return response


async def _key_of(request: web.Request) -> str:
    body = await request.content.read(_BYTES_MAX)
    try:
        content = json.loads(body)
    except ValueError:
        content = None
    key = content.get("key") if isinstance(content, dict) else None
    if not isinstance(key, str) or not key.strip() or len(key) > _KEY_LENGTH_MAX:
        raise InvalidQuestion('send {"key": "tsk_..."}')
    return key.strip()


def _signed_in(access: Access) -> dict[str, Any]:
    return {"state": "signedIn", "orgId": access.org, "scopes": sorted(access.scopes)}


def _answer(content: dict[str, Any]) -> web.Response:
    response = answer(content)
    response.headers["Cache-Control"] = "no-store"
    return response
