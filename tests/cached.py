"""Installations of other programs in .cache/, made once a machine; imports nothing of ours."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

INSTALL_SECONDS = 300
CACHE = Path(__file__).parents[1] / ".cache"


def install(folder, command, **options):
    """Make a cached installation once a machine; skip where its registry or tool is missing."""
    done = folder / ".done"
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
