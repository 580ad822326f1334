"""The cookie of a session: another way to present a key, for pages of this receiver and for nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from multidict import CIMultiDict

from tallystick_receiver.access import Denied
from tallystick_receiver.sessions import SESSION_SECONDS

if TYPE_CHECKING:
    from aiohttp import web

NAME: Final = "tallystick_session"
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def with_session(request: web.Request) -> web.Request:
    """The request as if its session's token stood in the Authorization header; one that has a header stays as it is.

    Raises:
        Denied: the cookie would change something at the wish of another site's page.
    """
    if "Cookie" not in request.headers or "Authorization" in request.headers:
        return request
    token = request.cookies.get(NAME)
    if token is None:
        return request
    if request.method not in _READING:
        refuse_other_sites(request)
    headers: CIMultiDict[str] = CIMultiDict(request.headers)
    headers["Authorization"] = f"Session {token}"
    return request.clone(headers=headers)


def refuse_other_sites(request: web.Request) -> None:
    """SameSite=Strict keeps the cookie from other sites; this keeps other ports of this host away, too.

    Raises:
        Denied: a browser says that a page of another origin sends the request.
    """
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        raise Denied(403, "pages of other sites may not change anything here")


def hand_out(response: web.Response, request: web.Request, token: str) -> None:
    """Set the cookie: out of reach of scripts, of this site only, and of TLS only where TLS is used."""
    response.set_cookie(
        NAME, token, max_age=SESSION_SECONDS, path="/", httponly=True, samesite="Strict",
        secure=request.headers.get("X-Forwarded-Proto", request.scheme) == "https",
    )  # fmt: skip


def take_back(response: web.Response) -> None:
    """Delete the cookie."""
    response.del_cookie(NAME, path="/", httponly=True, samesite="Strict")
