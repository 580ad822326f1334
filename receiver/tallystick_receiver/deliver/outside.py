"""Requests to addresses that strangers chose: bounded in size, without redirects, never into our own network."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import Any, Final

import aiohttp

from tallystick_receiver.deliver.addresses import BadTargetError, is_public, target_of
from tallystick_receiver.deliver.lookup import Lookup

_READ_BYTES: Final = 300
_SECONDS_DIGITS_MAX: Final = 9
_LOOKUP_SECONDS: Final = 3.0
_EXCERPT_SECONDS: Final = 1.0
_FIRST_ERROR: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back.

    Attributes:
        excerpt: the beginning of the body of a failure.
        retry_after: how long the other side asks us to wait.
    """

    status: int
    excerpt: str
    retry_after: timedelta | None


class Outside:
    """The network out there.

    Args:
        permits_private: whether private addresses may be called, too.
    """

    def __init__(self, *, permits_private: bool) -> None:
        self._permits_private = permits_private
        self._lookup = Lookup()
        self._session: aiohttp.ClientSession | None = None

    async def check(self, text: str) -> str:
        """A URL that may be called, as things are now. A name that cannot be resolved yet is fine.

        Raises:
            BadTargetError: the sentence says why not.
        """
        url = target_of(text)
        if not self._permits_private:
            try:
                async with asyncio.timeout(_LOOKUP_SECONDS):
                    addresses = await self._lookup.addresses(url.raw_host or "")
            except OSError:  # a TimeoutError, too
                addresses = []
            private = [address for address in addresses if not is_public(address)]
            if private:
                raise BadTargetError(f"url leads to {private[0]}, which is not a public address")
        return text

    async def post(self, text: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send a body; the caller bounds the time.

        Raises:
            OSError, aiohttp.ClientError: there is no answer.
            BadTargetError: this is not called.
        """
        url = target_of(text)
        async with self._opened().post(url, data=body, headers=headers, allow_redirects=False) as reply:
            try:
                excerpt = "" if reply.status < _FIRST_ERROR else await _beginning(reply)
            finally:
                reply.close()  # whatever else it wants to say
            return Answer(status=reply.status, excerpt=excerpt, retry_after=_retry_after(reply))

    async def close(self) -> None:
        """Cut what is under way."""
        if self._session is not None:
            await self._session.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=0, force_close=True, use_dns_cache=False, resolver=self._lookup, socket_factory=self._socket
                ),
                timeout=aiohttp.ClientTimeout(total=None), cookie_jar=aiohttp.DummyCookieJar(), trust_env=False,
                auto_decompress=False, headers={"User-Agent": f"tallystick/{version('tallystick')}"},
            )  # fmt: skip
        return self._session

    def _socket(self, address: tuple[Any, ...]) -> socket.socket:
        """The socket that is connected to exactly this address next: no name is resolved again in between."""
        family, kind, proto, _, target = address
        if not self._permits_private and not is_public(str(target[0])):
            raise PermissionError(errno.EACCES, f"{target[0]} is not a public address")
        return socket.socket(family, kind, proto)


async def _beginning(reply: aiohttp.ClientResponse) -> str:
    try:
        async with asyncio.timeout(_EXCERPT_SECONDS):
            return (await reply.content.read(_READ_BYTES)).decode("utf-8", "replace")
    except (TimeoutError, aiohttp.ClientError):
        return ""


def _retry_after(reply: aiohttp.ClientResponse) -> timedelta | None:
    """Seconds or a date (RFC 9110, section 10.2.3); None for anything else."""
    text = reply.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=int(text[:_SECONDS_DIGITS_MAX]))
    try:
        return max(parsedate_to_datetime(text) - datetime.now(UTC), timedelta())
    except (ValueError, TypeError, OverflowError):
        return None
