"""Small disks, and a PostgreSQL that may be killed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fault.actors import Postgres, open_folder
from servers import Missing


@pytest.fixture(scope="module")
def mortal_postgres() -> Iterator[Postgres]:
    """A server of its own, which tests kill."""
    try:
        server = Postgres()
    except Missing as error:
        pytest.skip(str(error))
    yield server
    server.close()


@pytest.fixture
def small_disk() -> Iterator[Callable[[str], Path]]:
    """Mounts disks: small_disk("64k"); a tmpfs, which only root may mount."""
    mounted: list[Path] = []

    def mount(size: str) -> Path:
        if os.geteuid() != 0:
            pytest.skip("only root may mount a small disk")
        folder = open_folder("tallystick-disk-")
        command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "tmpfs", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
        if done.returncode != 0:
            folder.rmdir()
            pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True, timeout=10)
        folder.rmdir()
