"""A proxy between sender and receiver that does to requests what networks do to them, by a seeded plan.

`HttpProxy` knows where an OTLP/HTTP request begins and ends: it can repeat, hold back, and swallow whole requests.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Coroutine, Mapping
from concurrent.futures import Future
from enum import Enum
from typing import Any

HEAD_BYTES_MAX = 1 << 20
CONNECT_SECONDS = 5
ANSWER_SECONDS = 30
DELIVER_SECONDS = 60
DELAY_SECONDS_MAX = 0.2
TAKEN = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Fault(Enum):
    """What happens to one request."""

    NONE = "none"
    DELAY = "delay"
    CUT_BEFORE = "cut before it arrived"
    CUT_BODY = "cut in the middle of the body"
    CUT_BEHIND = "cut after the body, at once"
    CUT_ANSWER = "answer taken by nobody"
    TRUNCATE = "body truncated, its length corrected"
    TRUNCATE_ANSWER = "answer truncated"
    REPEAT = "sent again on a new connection"
    HOLD = "cut, and delivered later all the same"
    POSTPONE = "answered by the proxy, delivered later"


UNANSWERED = (Fault.CUT_BODY, Fault.CUT_BEHIND)
Weather = Mapping[Fault, float]
"""Faults by weight."""

CLEAR: Weather = {Fault.NONE: 1}
STORM: Weather = {Fault.NONE: 8} | {fault: 1 for fault in Fault if fault is not Fault.NONE}
"""Everything may happen, to half of the requests."""


class Listener:
    """A listening socket, and an event loop in a thread that serves it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = listening.getsockname()[1]
        self._server = self._run(asyncio.start_server(self._welcome, sock=listening, limit=HEAD_BYTES_MAX))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        mine = asyncio.current_task()
        for task in (tasks := [task for task in self._tasks if task is not mine]):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _run(self, work: Coroutine[Any, Any, Any], seconds: float = DELIVER_SECONDS + 5) -> Any:
        found: Future[Any] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return found.result(seconds)

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._spawn(self._connection(reader, writer))

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._serve(reader, writer)
        except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise NotImplementedError


class HttpProxy(Listener):
    """Between a sender of OTLP/HTTP and a receiver on this machine.

    Args:
        target: the receiver's port.
        seed: the n-th request of two proxies with the same seed and weather suffers the same.
        weather: how often what happens; may be set at any time.
    """

    def __init__(self, target: int, seed: int = 0, weather: Weather = CLEAR) -> None:
        self._target = target
        self._chance = random.Random(seed)
        self.weather = weather
        self.suffered: Counter[Fault] = Counter()
        """Requests by what happened to them."""
        self.swallowed: list[bytes] = []
        """Requests that were answered with 200 and not forwarded, as bytes with their heads."""
        self._to_swallow = 0
        self._held: list[bytes] = []
        self._late: set[asyncio.Task[Any]] = set()
        super().__init__()

    def swallow_next(self, count: int = 1) -> None:
        """Answer the next POSTs with 200 and forward them to nobody."""
        self._to_swallow += count

    def deliver_swallowed(self) -> None:
        """Forward what was swallowed, in another order, until the receiver has it."""
        waiting, self.swallowed = self.swallowed, []
        self._deliver(waiting)

    def release_held(self) -> None:
        """Begin to forward what was held back, all at once and without waiting for it."""
        self._run(self._release())

    def deliver_held(self) -> None:
        """Forward what was held back and finish what is repeated, until the receiver has it."""
        self._run(self._release())
        self._run(self._all_late())

    async def _release(self) -> None:
        waiting, self._held = self._held, []
        self._chance.shuffle(waiting)
        self._late |= {self._spawn(self._until_taken(request)) for request in waiting}

    def _deliver(self, requests: list[bytes]) -> None:
        self._chance.shuffle(requests)
        for request in requests:
            self._run(self._until_taken(request))

    async def _all_late(self) -> None:
        await asyncio.gather(*self._late)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(_length(head))
            if not await self._pass(head, body, writer):
                return

    async def _pass(self, head: bytes, body: bytes, writer: asyncio.StreamWriter) -> bool:
        """Let one request suffer its fault; False: the sender's connection ends."""
        if head.startswith(b"POST") and self._to_swallow:
            self._to_swallow -= 1
            self.swallowed.append(head + body)
            return await _answered(writer, TAKEN)
        fault = self._next_fault()
        self.suffered[fault] += 1
        if fault in (Fault.HOLD, Fault.POSTPONE):
            self._held.append(head + body)
        if fault is Fault.POSTPONE:
            return await _answered(writer, TAKEN)
        if fault in (Fault.HOLD, Fault.CUT_BEFORE):
            return False
        if fault is Fault.DELAY:
            await asyncio.sleep(self._chance.uniform(0, DELAY_SECONDS_MAX))
        arrives = {Fault.CUT_BODY: head + body[: len(body) // 2], Fault.TRUNCATE: _shortened(head, body)}
        answer = await self._forward(arrives.get(fault, head + body), is_answered=fault not in UNANSWERED)
        if fault in (*UNANSWERED, Fault.CUT_ANSWER, Fault.TRUNCATE):
            return False
        await _answered(writer, answer[: len(answer) // 2] if fault is Fault.TRUNCATE_ANSWER else answer)
        if fault is Fault.REPEAT:
            self._late.add(self._spawn(self._until_taken(head + body)))
        return fault is not Fault.TRUNCATE_ANSWER

    def _next_fault(self) -> Fault:
        weather = self.weather
        return self._chance.choices(list(weather), list(weather.values()))[0]

    async def _forward(self, request: bytes, *, is_answered: bool = True) -> bytes:
        """Send bytes to the receiver over a connection of their own; returns its answer.

        Raises:
            OSError, EOFError, TimeoutError: the receiver is away, or went away.
        """
        connecting = asyncio.open_connection("127.0.0.1", self._target, limit=HEAD_BYTES_MAX)
        reader, writer = await asyncio.wait_for(connecting, CONNECT_SECONDS)
        try:
            writer.write(request)
            await writer.drain()
            if not is_answered:
                return b""
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), ANSWER_SECONDS)
            return head + await asyncio.wait_for(reader.readexactly(_length(head)), ANSWER_SECONDS)
        finally:
            writer.close()

    async def _until_taken(self, request: bytes) -> None:
        """Send a request until it is answered with 200.

        Raises:
            TimeoutError: it is not, within a minute.
        """
        deadline = time.monotonic() + DELIVER_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, EOFError, TimeoutError):
                answer = await self._forward(request)
                if answer.split(b" ", 2)[1] == b"200":
                    return
            await asyncio.sleep(0.05)
        raise TimeoutError("a request that was held back is not taken")


async def _answered(writer: asyncio.StreamWriter, answer: bytes) -> bool:
    writer.write(answer)
    await writer.drain()
    return True


def _length(head: bytes) -> int:
    found = LENGTH.search(head)
    assert found or b"chunked" not in head.lower(), "the proxy does not know chunked bodies"
    return int(found[1]) if found else 0


def _shortened(head: bytes, body: bytes) -> bytes:
    """A well-formed request with half of the body."""
    half = body[: len(body) // 2]
    return LENGTH.sub(b"\r\nContent-Length: %d" % len(half), head, count=1) + half
