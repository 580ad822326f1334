"""Widgets for other sites: a page for frames, and the module that defines <tallystick-usage>."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from aiohttp import web

from tallystick_receiver.dashboard.assets import Assets, Page

if TYPE_CHECKING:
    from aiohttp.web import Request


class EmbedRoutes:
    """What a product's pages load; neither shows anything without asking the API.

    Args:
        assets: the files.
        origins: sites that may frame the page; "*" for any, none for nobody.
    """

    def __init__(self, assets: Assets, origins: Collection[str]) -> None:
        self._assets = assets
        ancestors = " ".join(["'self'", *origins]) if origins else "'none'"
        self._frame_headers = {
            "Content-Security-Policy": (
                "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'none'; "
                f"base-uri 'none'; frame-ancestors {ancestors}"
            ),
            "Referrer-Policy": "no-referrer",
        }

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the routes."""
        router.add_get("/embed/usage", self.frame)
        router.add_get("/embed/tallystick-usage.js", self.module)

    async def frame(self, request: Request) -> web.Response:
        """The page for frames; its script reads the address."""
        return _response(request, self._assets.frame, self._frame_headers)

    async def module(self, request: Request) -> web.Response:
        """The module of the web component, for pages of any site: it holds nothing but code."""
        return _response(request, self._assets.module, {"Access-Control-Allow-Origin": "*"})


def _response(request: Request, page: Page, headers: dict[str, str]) -> web.Response:
    sent = {**headers, "Cache-Control": "no-cache", "ETag": page.tag, "X-Content-Type-Options": "nosniff"}
    if request.headers.get("If-None-Match") == page.tag:
        return web.Response(status=304, headers=sent)
    return web.Response(body=page.asset.body, headers={**sent, "Content-Type": page.asset.content_type})
