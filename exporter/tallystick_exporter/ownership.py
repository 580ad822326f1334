"""Which process owns which folder of the spool: by a lock that the system takes from a process that dies.

The lock is `flock`: it belongs to an open file, is given up by the kernel however a process ends, and a forked child
that closes its copy of the file takes nothing from its parent.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Final

from tallystick_exporter.durable import make_folders, sync_folder

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows
    fcntl = None  # type: ignore[assignment]

LOCKS_EXIST: Final = fcntl is not None
"""Without them there is no spool."""

_LOCK: Final = "lock"

_held: Final[set[int]] = set()
"""Descriptors of lock files. A forked child closes its copies, for they would keep the locks of a dead parent."""


class WriterFolder:
    """A folder of the spool that this process owns, until it is `left`."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def created(cls, parent: Path) -> WriterFolder:
        """A new folder of this process.

        Raises:
            OSError: it cannot be made here.
        """
        while True:
            path = parent / f"{os.getpid()}-{token_hex(6)}"
            make_folders(path)
            try:
                lock = _locked(path / _LOCK, os.O_CREAT)
            except OSError:
                with suppress(OSError):
                    path.rmdir()
                raise
            if lock is not None:
                sync_folder(parent)
                return cls(path, lock)
            # Another process took it for a dead one's before it was locked, and removes it.

    @classmethod
    def adopted(cls, path: Path) -> WriterFolder | None:
        """The folder of a process that is dead; None: it lives, or another one was faster."""
        try:
            # Without O_CREAT a folder that its owner is about to lock would stay: it is empty, and is removed.
            lock = _locked(path / _LOCK, 0)
        except OSError:
            return None
        return None if lock is None else cls(path, lock)

    def publish(self, size: int) -> None:
        """Tell the other processes how many bytes this folder holds."""
        with suppress(OSError):
            os.pwrite(self._lock, b"%020d" % size, 0)

    def leave(self) -> None:
        """Remove the folder when nothing is left in it; else the next process adopts it."""
        with suppress(OSError):
            if [found.name for found in self.path.iterdir()] == [_LOCK]:
                (self.path / _LOCK).unlink()
                self.path.rmdir()
        self.abandon()

    def abandon(self) -> None:
        """Give up the lock only."""
        release(self._lock)


def published(path: Path) -> int:
    """How many bytes another process's folder holds, as it said last."""
    try:
        return int((path / _LOCK).read_bytes() or b"0")
    except (OSError, ValueError):
        return 0


def take_lock(path: Path, *, is_patient: bool) -> int:
    """Open a file, make it if it is missing, and lock it, until `release`.

    Raises:
        BlockingIOError: another process has the lock, and the caller is not patient.
        OSError: the file cannot be opened.
    """
    while (lock := _locked(path, os.O_CREAT, is_patient=is_patient)) is None:
        if not is_patient:
            raise BlockingIOError(f"{path} is in use")
    return lock


def release(lock: int) -> None:
    """Give up a lock; once."""
    if lock in _held:
        _held.discard(lock)
        os.close(lock)


def _locked(path: Path, flags: int, *, is_patient: bool = False) -> int | None:
    """The descriptor of a locked file; None: another process has the lock, or the file was replaced meanwhile."""
    descriptor = os.open(path, os.O_RDWR | flags, 0o600)
    _held.add(descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if is_patient else fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), path.stat()):
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    except BaseException:
        release(descriptor)
        raise
    release(descriptor)
    return None


def _close_the_parents() -> None:
    for lock in list(_held):
        release(lock)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_the_parents)
