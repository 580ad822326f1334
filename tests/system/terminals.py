"""A command in a terminal of its own, as somebody on ssh has it; imports nothing of ours."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time

WAIT_SECONDS = 60
CTRL_C = b"\x03"
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
OWN_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    " os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
)


class Terminal:
    """`tallystick` with arguments, in a pseudo-terminal of 100 columns."""

    def __init__(self, *arguments: str) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-c", OWN_TERMINAL, "-m", "tallystick_receiver", *arguments],
            stdin=slave, stdout=slave, stderr=slave, start_new_session=True, env={**os.environ, "TERM": "xterm"},
        )  # fmt: skip
        os.close(slave)
        self.raw = ""

    @property
    def text(self) -> str:
        """All that was ever written, without what moves the cursor or colours."""
        return ESCAPES.sub("", self.raw)

    def wait_for(self, pattern: str) -> None:
        """Read until it was written."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not re.search(pattern, self.text):
            assert self._read(deadline), f"{pattern!r} was not written: {self.text[-1000:]}"

    def press(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def end(self) -> int:
        """The exit code, once everything is read."""
        deadline = time.monotonic() + WAIT_SECONDS
        while self._read(deadline):
            pass
        return self.process.wait(WAIT_SECONDS)

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], max(0, deadline - time.monotonic()))
        try:
            found = os.read(self._master, 65536) if ready else b""
        except OSError:  # Linux says so when the other side is closed
            found = b""
        self.raw += found.decode(errors="replace")
        return bool(found)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(WAIT_SECONDS)
        os.close(self._master)
