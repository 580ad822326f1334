"""Installations of other programs in .cache/, made once a machine; imports nothing of ours."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

INSTALL_SECONDS = 300
CACHE = Path(__file__).parents[1] / ".cache"


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Tests that run at the same time and want the same thing wait for the first that makes it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def install(folder, command, **options):
    """Make a cached installation once a machine; skip where its registry or tool is missing."""
    done = folder / ".done"
    with one_at_a_time(folder):
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            options.pop("prepare", lambda _: None)(folder)
            try:
                subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS, **options)
            except (OSError, subprocess.SubprocessError) as error:
                pytest.skip(f"{command[0]} cannot install {folder.name}: {getattr(error, 'stderr', '') or error}")
            done.touch()
    return folder
