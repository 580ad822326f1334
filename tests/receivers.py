"""The product as processes: receivers, and the command line; imports nothing of ours."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import IO

from ports import free_port
from warm import CAN_FORK, READ_BY_INTERPRETERS, WARM, Forked

STOP_SECONDS = 60


def environment_of(variables: dict[str, str]) -> dict[str, str]:
    """This process's and these; nobody outside is trusted: reading certificates takes a tenth of a start."""
    return {**os.environ, "SSL_CERT_FILE": os.devnull, **variables}


def run_cli(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command line, as a process."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = _begun(arguments, environment, stdout=out, stderr=err)
        try:
            code = process.wait(120)
        finally:
            process.kill()
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(arguments, code, out.read(), err.read())


def _begun(
    arguments: Sequence[str], variables: dict[str, str], *, stdout: IO[str] | None, stderr: IO[str], turn: int = 0
) -> subprocess.Popen[str] | Forked:
    """A process; without a stdout its own is piped."""
    environment = environment_of(variables)
    if CAN_FORK and not any(name.startswith(READ_BY_INTERPRETERS) for name in variables):
        return WARM[turn % len(WARM)].start(list(arguments), environment, stdout=stdout, stderr=stderr)
    command = [sys.executable, "-m", "tallystick_receiver", *arguments]
    return subprocess.Popen(command, stdout=stdout or subprocess.PIPE, stderr=stderr, text=True, env=environment)


class ReceiverProcess:
    """`tallystick serve` as a process of its own.

    Args:
        turn: receivers of one database that differ here, and a receiver before and after a restart, have other seeds
            of Python's hashes: nothing that they share may hang on them.
    """

    process: subprocess.Popen[str] | Forked

    def __init__(self, arguments: list[str], environment: dict[str, str], *, turn: int = 0) -> None:
        self._arguments = arguments
        self._environment = environment
        self._turn = turn
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by close()
        self.port = free_port()
        self.start()

    def start(self) -> None:
        """Start, and wait until it listens; a restart keeps the port."""
        arguments = ["serve", "--listen", f"127.0.0.1:{self.port}", *self._arguments]
        self.process = _begun(arguments, self._environment, stdout=None, stderr=self._log, turn=self._turn)
        self._turn += 1
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("OTLP/HTTP on "), self.log
        self.port = int(line.split(":")[2].split("/")[0])
        self.process.stdout.readline()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        self._log.seek(0)
        return self._log.read()

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self._ended()

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self._ended()

    def _ended(self) -> int:
        code = self.process.wait(STOP_SECONDS)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.kill()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._log.close()
