"""The losses of a writer on disk: appended and folded by it, read and cleared by whoever announces them."""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Final
from uuid import uuid4

from tallystick_exporter.durable import make_folders, sync_folder, write_all, write_file
from tallystick_exporter.losses import Loss, folded, line_of, losses_of
from tallystick_exporter.ownership import release, take_lock

FILE_BYTES_MAX: Final = 1024 * 1024
"""A larger file is folded: one loss a metric and writer."""

_SUFFIX: Final = ".jsonl"


class LossBook:
    """What one writer lost. What cannot be written, or has no folder to be written to, stays in memory, folded.

    Args:
        folder: where the books of all writers are; None: in memory only.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._file = None if folder is None else folder / f"{os.getpid()}-{uuid4().hex[:12]}{_SUFFIX}"
        self._unwritten: list[Loss] = []
        self._lock = Lock()

    def add(self, losses: list[Loss]) -> None:
        """Keep losses; never raises what the disk does, and waits for nobody: what fails now is written next time."""
        with self._lock:
            self._unwritten = folded([*self._unwritten, *losses])
            if self._file is not None and self._unwritten:
                with suppress(OSError):
                    _append(self._file, self._unwritten)
                    self._unwritten = []

    def read(self) -> list[Loss]:
        """What all writers of the folder lost, and was not cleared.

        Raises:
            OSError: a file cannot be read.
        """
        with self._lock:
            return [*(read_losses(self._folder) if self._folder else []), *self._unwritten]

    def clear(self, losses: Collection[Loss]) -> None:
        """Forget losses that were read; what was added since stays.

        Raises:
            OSError: a file cannot be written.
        """
        with self._lock:
            cleared = {loss.id for loss in losses}
            self._unwritten = [loss for loss in self._unwritten if loss.id not in cleared]
            if self._folder is not None:
                clear_losses(self._folder, losses)


def read_losses(folder: Path) -> list[Loss]:
    """What all writers of a folder lost, and was not cleared.

    Raises:
        OSError: a file cannot be read.
    """
    found: list[Loss] = []
    for path in sorted(folder.glob("*" + _SUFFIX)):
        with suppress(FileNotFoundError), path.open(encoding="utf-8") as lines:
            found.extend(losses_of(lines))
    return found


def clear_losses(folder: Path, losses: Collection[Loss]) -> None:
    """Forget losses that were read; what was added since stays, and so does what was folded since.

    Raises:
        OSError: a file cannot be written.
    """
    cleared = {loss.id for loss in losses}
    for path in sorted(folder.glob("*" + _SUFFIX)):
        lock = take_lock(path, is_patient=True)
        try:
            with path.open(encoding="utf-8") as lines:
                found = list(losses_of(lines))
            kept = [loss for loss in found if loss.id not in cleared]
            if not kept:
                path.unlink()
            elif len(kept) < len(found):
                write_file(path, _lines(kept))
        finally:
            release(lock)


def _append(path: Path, losses: list[Loss]) -> None:
    make_folders(path.parent)
    lock = take_lock(path, is_patient=False)
    try:
        before = os.lseek(lock, 0, os.SEEK_END)
        lines = _lines(losses)
        # A line that a crash tore must not swallow the first of ours.
        write_all(lock, lines if not before or os.pread(lock, 1, before - 1) == b"\n" else b"\n" + lines)
        if not before:
            sync_folder(path.parent)
            sync_folder(path.parent.parent)
        if before + len(lines) > FILE_BYTES_MAX:
            with path.open(encoding="utf-8") as found:
                write_file(path, _lines(folded(losses_of(found))))
    finally:
        release(lock)


def _lines(losses: list[Loss]) -> bytes:
    return "".join(map(line_of, losses)).encode()
