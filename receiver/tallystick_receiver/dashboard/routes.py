"""The pages of the dashboard over HTTP, under a strict content security policy."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from aiohttp import web

from tallystick_receiver.dashboard.assets import Asset, Assets, chart_library

if TYPE_CHECKING:
    from aiohttp.web import Request

_FRONT: Final = "usage"
"""The page at `/`, which people look for beside the others, too."""
PAGES: Final = ("breakdown", "cost", "alerts", "metrics", "health")
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_SAFETY: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Vary": "Accept-Encoding",
}
_FOR_EVER: Final = "public, max-age=31536000, immutable"


class DashboardRoutes:
    """One page for all addresses, and the files that it names."""

    def __init__(self, assets: Assets) -> None:
        self._assets = assets
        self._charts = chart_library()
        self._charts_asset: Asset | None = None
        self._reading = asyncio.Lock()

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the routes."""
        router.add_get("/", self.page)
        router.add_get("/dashboard", self.front)
        router.add_get("/dashboard/{page}", self.page)
        router.add_get("/assets/{version}/{path:.+}", self.asset)

    async def front(self, request: Request) -> web.Response:
        """Where the first page is, with what was asked of it."""
        return web.Response(
            status=HTTPStatus.FOUND, headers={"Location": str(request.rel_url.with_path("/", keep_query=True))}
        )

    async def page(self, request: Request) -> web.Response:
        """The page, which is the same for everybody and shows nothing before it has asked the API."""
        name = request.match_info.get("page", PAGES[0])
        if name == _FRONT:
            return await self.front(request)
        if name not in PAGES:
            raise web.HTTPNotFound
        page = self._assets.page
        if request.headers.get("If-None-Match") == page.tag:
            return web.Response(status=304, headers={**_SAFETY, "ETag": page.tag})
        return _response(request, page.asset, {"Cache-Control": "no-cache", "ETag": page.tag})

    async def asset(self, request: Request) -> web.Response:
        """A file; its address changes with its content, so it may be kept for ever."""
        name, path = request.match_info["version"], request.match_info["path"]
        if self._charts is not None and name == self._charts.folder and path == self._charts.path.name:
            async with self._reading:
                if self._charts_asset is None:
                    self._charts_asset = await self._charts.asset()
            return _response(request, self._charts_asset, {"Cache-Control": _FOR_EVER})
        found = self._assets.find(path)
        if found is None:
            raise web.HTTPNotFound
        # Another version is asked for while receivers are being replaced: what there is will do, for once.
        kept = _FOR_EVER if name == self._assets.version else "no-store"
        # Widgets on other sites import these modules, which hold nothing but code.
        return _response(request, found, {"Cache-Control": kept, "Access-Control-Allow-Origin": "*"})


def _response(request: Request, asset: Asset, headers: dict[str, str]) -> web.Response:
    response = web.Response(body=asset.body, headers={**_SAFETY, **headers, "Content-Type": asset.content_type})
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        response.body = asset.compressed
        response.headers["Content-Encoding"] = "gzip"
    return response
