"""Processes of the product that begin where its imports end: an interpreter that has imported it forks them.

An interpreter of its own costs half a second of a core, nine tenths of it for imports, and the tests start a thousand.
From the fork on it is `python -m tallystick_receiver`: arguments, environment, streams, folder and exit are its own.
Whoever sets what an interpreter reads when it begins (PYTHON..., SSL_...) needs one of its own; every command begins
in one in system/test_commands_alone.py. Imports nothing of ours into the tests.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

PRODUCT = "tallystick_receiver"
MESSAGE_BYTES = 1 << 20
CAN_FORK = sys.platform == "linux"
"""Elsewhere there is no SOCK_SEQPACKET, or libraries that do not bear a fork."""
READ_BY_INTERPRETERS = ("PYTHON", "SSL_")
OF_ONE_TEST = ("OTEL_", "TALLYSTICK_")


class Forked:
    """One process, with what tests ask of `subprocess.Popen`."""

    def __init__(self, pid: int, stdout: IO[str] | None, ended: int) -> None:
        self.pid = pid
        self.stdout = stdout
        self.returncode: int | None = None
        self._ended = ended

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            ended = select.poll()
            ended.register(self._ended, select.POLLIN)
            if not ended.poll(None if timeout is None else timeout * 1000):
                raise subprocess.TimeoutExpired(PRODUCT, timeout or 0)
            told = os.read(self._ended, 16)
            assert told, "the interpreter that forks has ended"
            os.close(self._ended)
            self.returncode = int(told)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Warm:
    """The interpreter that forks; it starts with the first process, and ends with `close` or with the tests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._line: socket.socket | None = None

    def start(
        self, arguments: list[str], environment: dict[str, str], *, stderr: IO[Any], stdout: IO[Any] | None
    ) -> Forked:
        """Run `python -m tallystick_receiver` with these; without a stdout, `Forked.stdout` reads it."""
        asked = json.dumps({"arguments": arguments, "environment": environment, "folder": str(Path.cwd())})
        ended, tells = os.pipe()
        reads, writes = os.pipe() if stdout is None else (-1, os.dup(stdout.fileno()))
        try:
            with self._lock:
                line = self._line = self._line or self._begin(environment)
                socket.send_fds(line, [asked.encode()], [writes, stderr.fileno(), tells])
                pid = int(line.recv(16) or "0")
        finally:
            os.close(tells)
            os.close(writes)
        assert pid, "the product could not be imported; standard error says why"
        return Forked(pid, None if stdout else os.fdopen(reads, encoding="utf-8"), ended)

    def close(self) -> None:
        if self._line is not None:
            self._line.close()
            self._process.wait(10)
            self._line = None

    def _begin(self, environment: dict[str, str]) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        lasting = {name: value for name, value in environment.items() if not name.startswith(OF_ONE_TEST)}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=lasting | {"OPENBLAS_NUM_THREADS": "1"},  # a process with threads had better not fork
            )
        return ours


WARM = (Warm(), Warm())
"""Two: each has a seed of Python's hashes, as interpreters of their own would have."""


def forks_until_asked_no_more(line: socket.socket) -> dict[str, Any] | None:
    """What a fork is to run; nothing when the tests are over.

    Only a parent learns how its child ended: it tells the tests by the pipe that came with the question.
    """
    awake, wakes = os.pipe()
    for end in (awake, wakes):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakes)
    tells: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([line, awake], [], [])
        if awake in ready:
            os.read(awake, 4096)
            while tells and (ended := os.waitpid(-1, os.WNOHANG))[0]:
                tell = tells.pop(ended[0])
                with contextlib.suppress(BrokenPipeError):
                    os.write(tell, str(os.waitstatus_to_exitcode(ended[1])).encode())
                os.close(tell)
        if line in ready:
            asked, streams, _, _ = socket.recv_fds(line, MESSAGE_BYTES, 3)
            if not asked:
                return None
            pid = os.fork()
            if pid == 0:
                _become(line, streams)
                found: dict[str, Any] = json.loads(asked)
                return found
            tells[pid] = streams.pop()
            line.send(str(pid).encode())
            for stream in streams:
                os.close(stream)


def _become(line: socket.socket, streams: list[int]) -> None:
    """A process with nothing open but its own streams, and with Python's own signals."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    line.detach()
    os.dup2(streams[0], 1)
    os.dup2(streams[1], 2)
    os.closerange(3, 1024)


def run(asked: dict[str, Any]) -> None:
    """What `python -m tallystick_receiver` runs."""
    os.environ.clear()
    os.environ.update(asked["environment"])
    time.tzset()
    os.chdir(asked["folder"])
    sys.path[0] = asked["folder"]
    sys.argv[1:] = asked["arguments"]
    runpy.run_module(PRODUCT, run_name="__main__", alter_sys=True)


def main() -> None:
    """Import every command, then fork."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.path[0] = str(Path.cwd())  # the product does not see the tests' modules
    from tallystick_receiver.cli import main as commands

    for name in commands.list_commands(None):  # type: ignore[arg-type]
        commands.get_command(None, name)  # type: ignore[arg-type]
    gc.collect()
    gc.freeze()
    asked = forks_until_asked_no_more(socket.socket(fileno=int(sys.argv[1])))
    if asked is not None:
        run(asked)


if __name__ == "__main__":
    main()
