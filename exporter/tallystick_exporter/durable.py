"""Files that survive a crash: whole under their name, or not there."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

UNFINISHED: Final = ".tmp"
"""Ends the name of a file that was not written whole, perhaps."""


def write_file(path: Path, content: bytes) -> None:
    """Write or replace a file; it is durable on return.

    Raises:
        OSError: the disk is full or cannot be written; then there is no such file, or the old one.
    """
    unfinished = path.with_name(path.name + UNFINISHED)
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            write_all(descriptor, content)
        finally:
            os.close(descriptor)
        unfinished.replace(path)
    except OSError:
        with suppress(OSError):
            unfinished.unlink()
        raise
    sync_folder(path.parent)


def write_all(descriptor: int, content: bytes) -> None:
    """Write to where the file is open; it is durable on return.

    Raises:
        OSError: the disk is full or cannot be written.
    """
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
    os.fsync(descriptor)


def make_folders(path: Path) -> None:
    """Make a folder and those above it that are missing; their names are durable on return, but for its own.

    Raises:
        OSError: one of them cannot be made.
    """
    missing = [folder for folder in path.parents if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    for folder in missing:
        sync_folder(folder.parent)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable.

    Raises:
        OSError: the disk failed.
    """
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
