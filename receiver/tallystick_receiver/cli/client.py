"""Commands that ask a receiver over HTTP: its address, a key, one call, and every page of a list."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import aiohttp
import click

_TIMEOUT: Final = aiohttp.ClientTimeout(total=60)
_ERROR: Final = 400

url_option = click.option(
    "--url",
    default="http://127.0.0.1:4318",
    show_default=True,
    envvar="TALLYSTICK_URL",
    help="A receiver. [TALLYSTICK_URL]",
)


class Client:
    """One receiver, asked with one key."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}

    async def call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, **query: str | None
    ) -> dict[str, Any]:
        """One call; parameters that are None are left out.

        Raises:
            click.ClickException: the receiver says no; the sentence is its own.
        """
        given = [(name.rstrip("_"), value) for name, value in query.items() if value is not None]
        return await self._call(method, path, given, json=body)

    async def ask(self, path: str, query: Sequence[tuple[str, str]]) -> dict[str, Any]:
        """One question, whose parameters may be repeated.

        Raises:
            click.ClickException: the receiver says no; the sentence is its own.
        """
        return await self._call("GET", path, query)

    async def send_file(self, path: str, query: Sequence[tuple[str, str]], content: bytes) -> dict[str, Any]:
        """Send a file as it is.

        Raises:
            click.ClickException: the receiver says no; the sentence is its own.
        """
        return await self._call("POST", path, query, data=content)

    async def _call(
        self,
        method: str,
        path: str,
        query: Sequence[tuple[str, str]],
        **body: Any,
    ) -> dict[str, Any]:
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT, headers=self._headers) as session,
            session.request(method, self._url + path, params=query, **body) as reply,
        ):
            found: dict[str, Any] = await reply.json(content_type=None) or {}
            if reply.status >= _ERROR:
                raise click.ClickException(found.get("detail", f"the receiver answers {reply.status}"))
            return found

    async def pages(self, path: str, name: str, **query: str | None) -> list[dict[str, Any]]:
        """Every row of a list."""
        rows: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            page = await self.call("GET", path, None, cursor=cursor, limit="1000", **query)
            rows += page[name]
            cursor = page["nextCursor"]
            if cursor is None:
                return rows


def receiver_options(command: Callable[..., None]) -> Callable[..., None]:
    """The flags --url and --key."""
    command = click.option("--key", default="", envvar="TALLYSTICK_KEY", help="A key. [TALLYSTICK_KEY]")(command)
    return url_option(command)


def given(**named: object) -> dict[str, object]:
    """What was said on the command line, without what was not."""
    return {name: value for name, value in named.items() if value not in (None, ())}
