"""A proxy that knows bytes only, for the way between a receiver and PostgreSQL: it delays and cuts, by a seed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path

from fault.proxy import CONNECT_SECONDS, Listener


@dataclass(frozen=True, slots=True)
class Rain:
    """What a TcpProxy does to each piece of bytes."""

    delay_seconds_max: float = 0.0
    cut_share: float = 0.0
    """So many pieces of one are cut in the middle, and their connection with them."""


class TcpProxy(Listener):
    """Between a receiver and PostgreSQL.

    Args:
        target: a port of this machine, or the path of a Unix socket.
        seed: of delays and cuts.
    """

    def __init__(self, target: int | Path, seed: int = 0) -> None:
        self._target = target
        self._chance = random.Random(seed)
        self._writers: set[asyncio.StreamWriter] = set()
        self.rain = Rain()
        self.cuts = 0
        super().__init__()

    def cut(self) -> None:
        """Cut every connection that there is now."""
        self._run(self._cut())

    async def _cut(self) -> None:
        for writer in list(self._writers):
            self.cuts += 1
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.wait_for(self._connected(), CONNECT_SECONDS)
        self._writers |= {writer, there[1]}
        ways = [self._spawn(self._carry(reader, there[1])), self._spawn(self._carry(there[0], writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._writers -= {writer, there[1]}
            there[1].transport.abort()
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    def _connected(self) -> Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        if isinstance(self._target, Path):
            return asyncio.open_unix_connection(self._target)
        return asyncio.open_connection("127.0.0.1", self._target)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(1 << 16):
            rain = self.rain
            if rain.delay_seconds_max:
                await asyncio.sleep(self._chance.uniform(0, rain.delay_seconds_max))
            is_cut = self._chance.random() < rain.cut_share
            writer.write(piece[: len(piece) // 2] if is_cut else piece)
            await writer.drain()
            if is_cut:
                self.cuts += 1
                return
