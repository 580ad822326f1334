"""Small disks that can be filled: a tmpfs, which only root may mount. Imports nothing of ours."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from pathlib import Path

from servers import Missing


def open_folder(prefix: str) -> Path:
    """A folder that the user of the embedded PostgreSQL may enter.

    pytest's own folders are not: any other session of pytest closes them again for other users.
    """
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    folder.chmod(0o755)
    return folder


class SmallDisk:
    """A file system of so many bytes, such as "256k" or "200m".

    Raises:
        Missing: it cannot be mounted here.
    """

    def __init__(self, size: str) -> None:
        if os.geteuid() != 0:
            raise Missing("only root may mount a small disk")
        self.folder = open_folder("tallystick-disk-")
        self._ballast = self.folder / "ballast"
        command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "tmpfs", str(self.folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
        if done.returncode != 0:
            self.folder.rmdir()
            raise Missing(f"no small disk can be mounted here: {done.stderr.strip()}")

    @property
    def is_full(self) -> bool:
        """Whether it was filled, and no room was made since."""
        return self._ballast.exists()

    def fill(self) -> None:
        """Take what is left of it."""
        for size in (1 << 16, 1 << 12):
            with contextlib.suppress(OSError), self._ballast.open("ab", buffering=0) as file:
                while True:
                    file.write(bytes(size))

    def make_room(self) -> None:
        """Give it back."""
        self._ballast.unlink(missing_ok=True)

    def close(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True, timeout=10)
        self.folder.rmdir()


def small_disk_if_possible(size: str) -> SmallDisk | None:
    """None where it cannot be mounted: scenarios go without full disks there."""
    try:
        return SmallDisk(size)
    except Missing:
        return None
