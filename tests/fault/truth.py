"""What an application recorded, in a file that survives its kill -9; imports nothing of ours.

Lines: `i 5` is written before record(5), `r` after it returned, and synchronised; `c 120`: the first 120 units are
delivered or on disk; `end`: the application ended as it should, and everything was.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path


class Truth:
    """Writes the file; safe between threads, of which one records."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._lock = threading.Lock()
        self.recorded = 0

    def intend(self, quantity: int) -> None:
        """record(quantity) is about to be called."""
        self._write(f"i {quantity}\n")

    def record(self, quantity: int) -> None:
        """record(quantity) has returned."""
        self._write("r\n")
        os.fsync(self._file)
        self.recorded += quantity

    def confirm(self, total: int) -> None:
        """So much of the beginning survives a kill -9 of the application."""
        self._write(f"c {total}\n")

    def end(self) -> None:
        """All of it does."""
        self._write("end\n")

    def _write(self, line: str) -> None:
        with self._lock:
            os.write(self._file, line.encode())


@dataclass(frozen=True, slots=True)
class Recorded:
    """What an application recorded."""

    confirmed: int = 0
    returned: int = 0
    """By calls that returned."""
    intended: int = 0
    """With the call under way, if there was one."""
    has_ended: bool = False


def read_truth(path: Path) -> Recorded:
    """The file of an application that is dead; nothing if it died before it began."""
    confirmed = returned = intended = last = 0
    has_ended = False
    text = path.read_text() if path.exists() else ""
    for line in text[: text.rfind("\n") + 1].splitlines():
        word, _, number = line.partition(" ")
        match word:
            case "i":
                last = int(number)
                intended += last
            case "r":
                returned += last
            case "c":
                confirmed = max(confirmed, int(number))
            case "end":
                has_ended = True
    return Recorded(confirmed, returned, intended, has_ended)
