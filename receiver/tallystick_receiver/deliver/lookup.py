"""The system's resolver, in threads that nobody waits for: a name server that never answers stops nobody else."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult

_PENDING_MAX: Final = 200
_ADDRESSES_MAX: Final = 8
_PORT_OF_NONE: Final = 0

_Found = list[tuple[socket.AddressFamily, str]]


class Lookup(AbstractResolver):
    """Resolves names, one thread a name at a time, as aiohttp wants it.

    The threads are daemons and not from the loop's pool: getaddrinfo cannot be cancelled, and half a minute of it would
    hold whoever waits for the pool, the end of the process included.
    """

    def __init__(self) -> None:
        self._pending: dict[str, asyncio.Future[_Found]] = {}

    async def addresses(self, host: str) -> list[str]:
        """The addresses of a name, a few at most.

        Raises:
            OSError: it cannot be resolved.
        """
        return [address for _, address in await self._found(host)]

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The same for a connector."""
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=kind, proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, address in await self._found(host)
            if family in (socket.AF_UNSPEC, kind)
        ]  # fmt: skip

    async def close(self) -> None:
        """Nothing is held."""

    async def _found(self, host: str) -> _Found:
        pending = self._pending.get(host)
        if pending is None:
            if len(self._pending) >= _PENDING_MAX:
                raise OSError("too many names wait to be resolved")
            loop = asyncio.get_running_loop()
            pending = self._pending[host] = loop.create_future()
            pending.add_done_callback(lambda done: self._ended(host, done))
            threading.Thread(target=_look_up, args=(loop, pending, host), name="lookup", daemon=True).start()
        return await asyncio.shield(pending)

    def _ended(self, host: str, pending: asyncio.Future[_Found]) -> None:
        del self._pending[host]
        if not pending.cancelled():
            pending.exception()  # nobody may be left who asks for it


def _look_up(loop: asyncio.AbstractEventLoop, pending: asyncio.Future[_Found], host: str) -> None:
    found: _Found = []
    error: OSError | None = None
    try:
        for family, _, _, _, address in socket.getaddrinfo(host, _PORT_OF_NONE, type=socket.SOCK_STREAM):
            if (family, str(address[0])) not in found:
                found.append((family, str(address[0])))
    except (OSError, UnicodeError) as failure:
        error = failure if isinstance(failure, OSError) else OSError(f"{host[:60]!r} is no host name")

    def tell() -> None:
        if pending.done():
            return
        if error is not None:
            pending.set_exception(error)
        else:
            pending.set_result(found[:_ADDRESSES_MAX])

    try:
        loop.call_soon_threadsafe(tell)
    except RuntimeError:
        return  # the loop has ended meanwhile
