"""Plays the demo: receiver, platform, traffic; then everything is flushed and both halves are compared."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import aiohttp
from rich.console import Console

from tallystick_receiver.demo.log_platform import LogPlatform, projects
from tallystick_receiver.demo.price_list import rates
from tallystick_receiver.demo.receiver_process import DemoError, receiver
from tallystick_receiver.demo.sdk import metering_to
from tallystick_receiver.demo.show import Scene, Screen, addresses, books, comparison, kept_over_time
from tallystick_receiver.demo.tally import Key, Tally, answered, compare, kept
from tallystick_receiver.demo.traffic import Traffic

_SCENE_SECONDS: Final = 1.0
_COMPARED_SECONDS: Final = 0.2
_COMPARED_SECONDS_MAX: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """One performance.

    Args:
        listen: where the receiver listens.
        data_dir: holds the database.
        seconds: how long traffic lasts; None: until SIGINT or SIGTERM.
        console: where it is shown.
    """

    listen: str
    data_dir: Path
    seconds: float | None
    console: Console

    async def play(self) -> bool:
        """Run to the end.

        Returns:
            Whether the API answers exactly what the sites recorded.

        Raises:
            DemoError: the receiver does not start, or does not answer.
        """
        _forget_surroundings()
        self.console.print(f"starting a receiver and its PostgreSQL in {self.data_dir} ...", highlight=False)
        stop = asyncio.Event()
        with _stopped_by_signals(stop):
            async with receiver(self.listen, self.data_dir) as url, aiohttp.ClientSession() as session:
                usage = _Usage(session, url, datetime.now(UTC))
                await usage.record_rates()
                async with metering_to(url) as metering:
                    tally = Tally(metering)
                    await self._perform(tally, usage, stop)
                answer = await usage.ask()
                matches = compare(tally.recorded(), answered(answer))
                completeness = await usage.completeness()
        comparison(self.console, matches)
        kept_over_time(self.console, kept(answer))
        books(self.console, completeness)
        is_complete = completeness["state"] == "complete"
        return bool(matches) and all(match.is_equal for match in matches) and is_complete

    async def _perform(self, tally: Tally, usage: _Usage, stop: asyncio.Event) -> None:
        """Traffic, until it is time to stop."""
        cast = list(projects())
        platform = LogPlatform(tally, cast)
        async with platform.running():
            addresses(self.console, usage.url, platform.url)
            traffic = Traffic(platform.url, cast)
            async with traffic.running():
                with Screen(self.console) as screen:
                    await self._show(screen, traffic, tally, usage, stop)
        self.console.print("traffic has stopped, flushing the last usage ...", highlight=False)

    async def _show(self, screen: Screen, traffic: Traffic, tally: Tally, usage: _Usage, stop: asyncio.Event) -> None:
        began = time.monotonic()
        found: dict[Key, Decimal] = {}
        while not stop.is_set():
            left = _SCENE_SECONDS if self.seconds is None else began + self.seconds - time.monotonic()
            if left <= 0:
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), min(left, _SCENE_SECONDS))
            trouble = ""
            try:
                found = answered(await usage.ask())
            except DemoError as error:  # nothing is lost by it: the platform goes on, and so does the exporter
                trouble = str(error)
            screen.show(
                Scene(
                    elapsed_seconds=time.monotonic() - began,
                    seconds=self.seconds,
                    requests=traffic.requests,
                    recorded=tally.recorded(),
                    answered=found,
                    trouble=trouble,
                )
            )


class _Usage:
    """Asks the receiver for all usage of this performance; what an earlier one left in the database is not counted."""

    def __init__(self, session: aiohttp.ClientSession, url: str, since: datetime) -> None:
        self.url = url
        self._session = session
        self._since = since

    async def ask(self) -> dict[str, Any]:
        """The answer by organisation, project and type.

        Raises:
            DemoError: the receiver does not answer, or says no.
        """
        end = datetime.now(UTC) + timedelta(hours=1)
        return await self._get("/api/usage", end, groupBy="org,project,type")

    async def record_rates(self) -> None:
        """Say what models cost.

        Raises:
            DemoError: the receiver does not answer, or says no.
        """
        await self._answered(self._session.post(f"{self.url}/api/v1/rates", json=rates()))

    async def completeness(self) -> dict[str, Any]:
        """Whether the receiver has all that was announced, as soon as it has compared; call it after the last flush.

        Raises:
            DemoError: the receiver does not answer, or says no.
        """
        end = datetime.now(UTC)
        deadline = time.monotonic() + _COMPARED_SECONDS_MAX
        while True:
            found = await self._get("/api/v1/completeness", end)
            if found["state"] == "complete" and datetime.fromisoformat(found["until"]) >= end:
                return found
            if time.monotonic() > deadline:
                return found
            await asyncio.sleep(_COMPARED_SECONDS)

    async def _get(self, path: str, end: datetime, **query: str) -> dict[str, Any]:
        window = {"from": self._since.isoformat(), "to": end.isoformat()}
        return await self._answered(self._session.get(self.url + path, params={**window, **query}))

    async def _answered(self, asking: AbstractAsyncContextManager[aiohttp.ClientResponse]) -> dict[str, Any]:
        try:
            async with asking as response:
                answer: dict[str, Any] = await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError):
            raise DemoError(f"the receiver at {self.url} does not answer") from None
        if not response.ok:
            raise DemoError(f"the receiver says {answer.get('detail', response.status)}")
        return answer


@contextmanager
def _stopped_by_signals(stop: asyncio.Event) -> Iterator[None]:
    """The first SIGINT, SIGTERM or SIGHUP ends the traffic; a second SIGINT ends everything."""
    loop = asyncio.get_running_loop()
    names = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def first() -> None:
        stop.set()
        loop.remove_signal_handler(signal.SIGINT)

    for name in names:
        loop.add_signal_handler(name, first)
    try:
        yield
    finally:
        for name in names:
            loop.remove_signal_handler(name)


def _forget_surroundings() -> None:
    """The demo is the same everywhere: no OTel settings of the shell, no proxy on the way to this machine, no spool."""
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        del os.environ[name]
    os.environ["TALLYSTICK_SPOOL_DIR"] = "off"
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, ("127.0.0.1,localhost,::1", os.environ.get(name))))
