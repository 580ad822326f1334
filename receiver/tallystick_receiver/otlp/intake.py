"""What every way in shares: how many requests at once, whose turn a large body has, and the one thread that decodes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from mmap import mmap
from typing import TYPE_CHECKING, Any

from tallystick_receiver.admission import TimeLimits
from tallystick_receiver.errors import Unavailable
from tallystick_receiver.otlp.body import read_body

if TYPE_CHECKING:
    from aiohttp import web

    from tallystick_receiver.ingest import Ingest, Receipt
    from tallystick_receiver.otlp.wire import Buffer
    from tallystick_receiver.points import Batch
    from tallystick_receiver.settings import Settings
    from tallystick_receiver.streams import Streams

Decode = Callable[["Buffer", "Streams", TimeLimits], "Batch"]
"""Bytes to a batch, admitted; runs on the decoding thread."""


class Intake:
    """From a request to its receipt; one thread decodes, so that what it remembers needs no lock."""

    def __init__(self, ingest: Ingest, streams: Streams, settings: Settings, now_ns: Callable[[], int]) -> None:
        self._ingest = ingest
        self._streams = streams
        self._settings = settings
        self._now_ns = now_ns
        self._decoder = ThreadPoolExecutor(1, "decode")
        self._large = asyncio.Semaphore(1)
        self._in_flight = 0

    def close(self) -> None:
        """Stop the decoding thread."""
        self._decoder.shutdown(wait=False, cancel_futures=True)

    async def receive(self, request: web.Request, decode: Decode) -> tuple[Receipt, Batch]:
        """Read, decode, and have committed.

        Raises:
            BodyError, Malformed: this body, never.
            Unavailable: try again.
        """
        if self._in_flight >= self._settings.requests_in_flight_max:
            raise Unavailable(f"{self._in_flight} requests are in flight already")
        self._in_flight += 1
        try:
            body, holds = await self._read(request)
            try:
                return await self.submit(body, decode)
            finally:
                if holds:
                    self._large.release()
        finally:
            self._in_flight -= 1

    async def submit(self, body: Buffer, decode: Decode) -> tuple[Receipt, Batch]:
        """Decode a body that is here, and have it committed.

        Raises:
            Malformed, Unavailable: as for any request.
        """
        try:
            batch = await self.decode(body, decode)
        finally:
            if isinstance(body, mmap):
                with contextlib.suppress(BufferError):  # a traceback may still hold a view; it frees it later
                    body.close()
        return await self._ingest.submit(batch), batch

    async def decode(self, body: Buffer, decode: Decode) -> Batch:
        """One body decoded and admitted, off the event loop.

        Raises:
            Malformed: the body is not what it should be.
        """
        settings = self._settings
        limits = TimeLimits(
            now_ns=self._now_ns(),
            late_ns=settings.late_seconds_max * 10**9,
            ahead_ns=settings.ahead_seconds_max * 10**9,
        )
        batch: Batch = await self._run(decode, body, self._streams, limits)
        return batch

    async def _read(self, request: web.Request) -> tuple[Buffer, bool]:
        settings = self._settings
        try:
            async with asyncio.timeout(settings.body_seconds_max):
                return await read_body(
                    request, size_max=settings.body_bytes_max, small_max=settings.large_body_bytes,
                    large=self._large, run=self._run,
                )  # fmt: skip
        except TimeoutError:
            raise Unavailable(f"the body did not arrive within {settings.body_seconds_max:g} s") from None
        except ConnectionError:
            raise Unavailable("the sender went away in the middle of the body") from None

    def _run(self, work: Callable[..., Any], *arguments: Any) -> asyncio.Future[Any]:  # noqa: ANN401
        return asyncio.get_running_loop().run_in_executor(self._decoder, work, *arguments)
