"""By which names browsers may ask a receiver without keys: a hostile page must not reach it under its own name.

Such a page has its name resolve to 127.0.0.1 once it is loaded (DNS rebinding) and is then of the receiver's origin.
Browsers name neither an origin nor themselves when a page reads from its own, so every read is checked; whatever
changes something bears an Origin in each browser, and is checked if it does. Programs that send usage
name no origin and are let through under any name: what is refused to an OTLP sender is lost.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Collection
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from aiohttp import web

from tallystick_receiver.access import Denied

if TYPE_CHECKING:
    from tallystick_receiver.access import Gate

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OF_BROWSERS: Final = ("Origin", "Sec-Fetch-Site", "Sec-Fetch-Mode")


class Names:
    """The names by which an open receiver is asked.

    Args:
        gate: knows whether the receiver is open; with keys a name gives nobody anything.
        allowed: names, besides addresses and localhost; "*" for any.
    """

    def __init__(self, gate: Gate, allowed: Collection[str]) -> None:
        self._gate = gate
        self._allowed = frozenset(name.lower().rstrip(".") for name in allowed)

    @web.middleware
    async def middleware(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Let a request pass, or not.

        Raises:
            Denied: a browser may have sent it, by a name that anybody could point at this machine.
            Unavailable: the keys are not known yet.
        """
        host = request.headers.get("Host")
        if host is not None and may_be_of_a_browser(request) and not self._is_allowed(host):
            await self._refuse_if_open(host)
        return await handler(request)

    def _is_allowed(self, host: str) -> bool:
        name = name_of(host)
        return "*" in self._allowed or (name is not None and (is_own(name) or name in self._allowed))

    async def _refuse_if_open(self, host: str) -> None:
        if await self._gate.is_open():
            raise Denied(
                403,
                f"without keys this receiver answers by address, localhost and its allowed_hosts only, not as"
                f" {host[:100]!r}: set --allowed-hosts {name_of(host) or 'NAME'} (TALLYSTICK_ALLOWED_HOSTS), or create"
                " a key with 'tallystick keys create'",
            )


def may_be_of_a_browser(request: web.Request) -> bool:
    """Whether a browser could have sent it."""
    return request.method in _READING or any(name in request.headers for name in _OF_BROWSERS)


def name_of(host: str) -> str | None:
    """The name in a Host header, without port, in lower case; None where there is none."""
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        return None
    return name.rstrip(".") or None if name else None


def is_own(name: str) -> bool:
    """Whether no name server decides where it leads: an address, or a name below localhost (RFC 6761)."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
