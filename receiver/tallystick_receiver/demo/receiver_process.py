"""The demo's receiver: `tallystick serve`, a process of its own on the embedded database."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Final

_START_SECONDS: Final = 90.0
_STOP_SECONDS: Final = 30.0
_LOG_LINES: Final = 5


class DemoError(Exception):
    """The demo cannot go on; the sentence says why."""


@asynccontextmanager
async def receiver(listen: str, data_dir: Path) -> AsyncIterator[str]:
    """Run a receiver; it stops, with everything committed, on leaving.

    Args:
        listen: address and port, as for `tallystick serve`.
        data_dir: an existing folder, for the database and `receiver.log`.

    Yields:
        The URL it listens on.

    Raises:
        DemoError: it does not start.
    """
    with (data_dir / "receiver.log").open("w+", encoding="utf-8") as log:
        # A session of its own: Ctrl-C is for the demo, which stops the receiver after the last export.
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tallystick_receiver", "serve", "--listen", listen, "--data-dir", str(data_dir),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=log, env=_environment(),
            start_new_session=True,
        )  # fmt: skip
        try:
            yield await _url(process, log)
        finally:
            await _stop(process)


def free_address(preferred: str) -> str:
    """The preferred address, or a free port of it when another process listens there."""
    host, _, port = preferred.rpartition(":")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except OSError:
            return f"{host}:0"
    return preferred


def _environment() -> dict[str, str]:
    """Without settings of another receiver: the demo always has a database of its own."""
    return {
        name: value
        for name, value in os.environ.items()
        if name != "DATABASE_URL" and not name.startswith("TALLYSTICK_")
    }  # fmt: skip


async def _url(process: asyncio.subprocess.Process, log: IO[str]) -> str:
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    try:
        line = await asyncio.wait_for(process.stdout.readline(), _START_SECONDS)
    except TimeoutError:
        line = b""
    found = re.search(r"on (https?://\S+:\d+)", line.decode())
    if found is None:
        log.seek(0)
        last = "".join(log.readlines()[-_LOG_LINES:]).strip()
        raise DemoError(f"the receiver does not start: {last.removeprefix('Error: ') or 'it says nothing'}")
    return found[1]


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.communicate(), _STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
