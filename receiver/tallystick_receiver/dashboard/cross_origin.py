"""CORS: pages of the sites that may show widgets read usage with a read token, and nothing without one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import Final

from aiohttp import web

from tallystick_receiver.access import is_token
from tallystick_receiver.query.problem import problem

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_PATHS: Final = frozenset({"/api/usage", "/api/v1/usage/summary", "/api/v1/completeness"})
_PREFLIGHT: Final = {
    "Access-Control-Allow-Methods": "GET",
    "Access-Control-Allow-Headers": "Authorization",
    "Access-Control-Max-Age": "600",
}


class CrossOrigin:
    """Shares answers with pages of other origins.

    An answer is shared if the request presented a token, be it a bad one, for a token is looked up on an open
    receiver, too. A session's cookie or a key is never enough: a browser may have either without its page knowing.

    Args:
        origins: sites that may show widgets; "*" for any.
    """

    def __init__(self, origins: Collection[str]) -> None:
        self._origins = frozenset(origins)

    @web.middleware
    async def middleware(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Answer what browsers ask beforehand, and mark answers that may be shared."""
        origin = request.headers.get("Origin")
        if origin is None or request.path not in _PATHS:
            return await handler(request)
        shared = self._shared_with(origin)
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            if shared is None:
                return problem(403, f"pages of {origin[:100]!r} may not show usage: name the site in embed_origins")
            return web.Response(status=204, headers={**_PREFLIGHT, **shared})
        response = await handler(request)
        if shared is not None and is_token(request.headers.get("Authorization", "")):
            response.headers.update(shared)
        return response

    def _shared_with(self, origin: str) -> dict[str, str] | None:
        if "*" in self._origins:
            return {"Access-Control-Allow-Origin": "*"}
        return {"Access-Control-Allow-Origin": origin, "Vary": "Origin"} if origin in self._origins else None
