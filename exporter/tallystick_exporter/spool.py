"""Parcels on disk: they outlive the process, and any process of this machine delivers what a dead one left."""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from logging import getLogger
from pathlib import Path
from threading import Lock
from time import time_ns
from typing import Final

from tallystick_exporter.durable import UNFINISHED, write_file
from tallystick_exporter.losses import Loss, Reason, losses_in, unknown_loss
from tallystick_exporter.ownership import WriterFolder, published
from tallystick_exporter.parcel import Parcel
from tallystick_exporter.piece_file import FILE_BYTES_MAX, CorruptPieceError, packed, unpacked

_log = getLogger(__name__)

_PIECE: Final = ".piece"
_BLOCK_BYTES: Final = 4096
"""What the smallest file takes on disk."""
CORRUPT_FILES_MAX: Final = 20
"""So many damaged files are kept to be looked at."""
_TEMPORARY: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR})


@dataclass(slots=True, eq=False)
class _Owned:
    """A folder of ours, and its files by name and size, oldest first."""

    folder: WriterFolder
    files: deque[tuple[str, int]] = field(default_factory=deque)
    size: int = 0

    def extend(self, files: list[tuple[str, int]]) -> None:
        self.files.extend(files)
        self.size += sum(size for _, size in files)
        self.folder.publish(self.size)

    def remove(self, index: int) -> None:
        size = self.files[index][1]
        del self.files[index]
        self.size -= size
        self.folder.publish(self.size)

    def path(self, name: str) -> Path:
        return self.folder.path / (name + _PIECE)


class Spool:
    """The parcels of this process and of dead ones, bounded by bytes and age; safe between threads and processes.

    When the bytes of all processes exceed the bound, each drops its own oldest down to its share.

    Args:
        root: shared by all processes that send to the same place; made when the first parcel comes.
        bytes_max: on disk, for all processes together.
        seconds_max: what waited longer is dropped, for receivers would refuse it.
        lose: told what was dropped or damaged.
        now_ns: the wall clock in nanoseconds.
    """

    def __init__(
        self,
        root: Path,
        bytes_max: int,
        seconds_max: float,
        lose: Callable[[list[Loss]], None],
        now_ns: Callable[[], int] = time_ns,
    ) -> None:
        self._writers = root / "writers"
        self._corrupt = root / "corrupt"
        self._bytes_max = bytes_max
        self._age_ns_max = int(seconds_max * 1e9)
        self._lose = lose
        self._now_ns = now_ns
        self._lock = Lock()
        self._own: _Owned | None = None
        self._owned: list[_Owned] = []
        self._is_closed = False
        self.in_hand = ""
        """The name of a parcel that is being sent: it is not dropped to make room."""

    def __len__(self) -> int:
        return sum(len(owned.files) for owned in self._owned)

    def add(self, parcel: Parcel) -> None:
        """Write a parcel; it is durable on return.

        Raises:
            OSError: it cannot be kept here: the disk is full or cannot be written, or the parcel is larger than the
                bound.
        """
        content = packed(parcel)
        size = _on_disk(len(content))
        if size > self._bytes_max:
            raise OSError(errno.EFBIG, "larger than the spool may be")
        with self._lock:
            if self._is_closed:
                raise OSError(errno.EBADF, "the spool is closed")
            own = self._own_folder()
            self._drop_old()
            self._make_room(size)
            write_file(own.path(parcel.name), content)
            own.extend([(parcel.name, size)])

    def oldest(self) -> Parcel | None:
        """The parcel to send next; it stays until it is `settled`.

        Raises:
            OSError: there are no descriptors or no memory to read it just now.
        """
        with self._lock:
            self._drop_old()
            while (owned := self._with_oldest()) is not None:
                name = owned.files[0][0]
                try:
                    return unpacked(name, _read(owned.path(name)))
                except FileNotFoundError:
                    owned.remove(0)
                except (CorruptPieceError, OSError) as error:
                    if isinstance(error, OSError) and error.errno in _TEMPORARY:
                        raise
                    self._put_aside(owned, error)
                self._leave_if_empty(owned)
        return None

    def settled(self, parcel: Parcel) -> None:
        """It needs no further try."""
        with self._lock:
            for owned in self._owned:
                index = next((i for i, (name, _) in enumerate(owned.files) if name == parcel.name), None)
                if index is not None:
                    owned.remove(index)
                    # What cannot be deleted is sent again by the next process, which is harmless.
                    with suppress(OSError):
                        owned.path(parcel.name).unlink()
                    self._leave_if_empty(owned)
                    return

    def adopt(self) -> None:
        """Take over what dead processes left."""
        with self._lock:
            for path in [] if self._is_closed else self._others():
                folder = WriterFolder.adopted(path)
                if folder is not None:
                    self._adopted(folder)

    def close(self) -> None:
        """What is still here is for the next process."""
        with self._lock:
            self._is_closed = True
            for owned in self._owned:
                owned.folder.leave()
            self._own, self._owned = None, []

    def _own_folder(self) -> _Owned:
        if self._own is not None and not self._own.folder.path.is_dir():
            # Somebody deleted the spool under our feet.
            self._own.folder.abandon()
            self._owned.remove(self._own)
            self._own = None
        if self._own is None:
            self._own = _Owned(WriterFolder.created(self._writers))
            self._owned.append(self._own)
        return self._own

    def _adopted(self, folder: WriterFolder) -> None:
        owned = _Owned(folder)
        self._owned.append(owned)
        with suppress(OSError):
            for unfinished in list(folder.path.glob("*" + UNFINISHED)):
                # Written whole, perhaps: its checksum will tell.
                unfinished.rename(unfinished.with_suffix(""))
            with os.scandir(folder.path) as found:
                pieces = ((f.name.removesuffix(_PIECE), f.stat()) for f in found if f.name.endswith(_PIECE))
                owned.extend(sorted((name, _on_disk(stat.st_size)) for name, stat in pieces))
        self._leave_if_empty(owned)

    def _leave_if_empty(self, owned: _Owned) -> None:
        if not owned.files and owned is not self._own:
            self._owned.remove(owned)
            owned.folder.leave()

    def _others(self) -> list[Path]:
        """The folders of other processes, dead or alive."""
        ours = {owned.folder.path for owned in self._owned}
        try:
            return sorted(set(self._writers.iterdir()) - ours)
        except OSError:
            return []

    def _with_oldest(self) -> _Owned | None:
        return min((o for o in self._owned if o.files), key=lambda owned: owned.files[0][0], default=None)

    def _drop_old(self) -> None:
        """Names begin with the time when the parcel was made. What is being sent arrives, perhaps; it has time."""
        bound = f"{max(self._now_ns() - self._age_ns_max, 0):020d}"
        while (owned := self._with_oldest()) is not None and owned.files[0][0] < bound:
            if owned.files[0][0] == self.in_hand:
                return
            self._drop(owned, 0, Reason.AGE)

    def _make_room(self, size: int) -> None:
        others = list(map(published, self._others()))
        share = self._bytes_max // (len(others) + 1)
        allowed = max(self._bytes_max - sum(others), share)
        while sum(owned.size for owned in self._owned) + size > allowed:
            owned = self._with_oldest()
            if owned is None:
                return
            index = int(owned.files[0][0] == self.in_hand)
            if index == len(owned.files):
                return
            self._drop(owned, index, Reason.BYTES)

    def _drop(self, owned: _Owned, index: int, reason: Reason) -> None:
        """The loss is written before the file is gone: a crash between the two counts it and sends it, too."""
        name = owned.files[index][0]
        try:
            losses = losses_in(unpacked(name, _read(owned.path(name))), reason)
        except FileNotFoundError:
            losses = []
        except (CorruptPieceError, OSError):
            losses = [unknown_loss(reason, 0, self._now_ns())]
        self._lose(losses)
        with suppress(OSError):
            owned.path(name).unlink()
        owned.remove(index)
        self._leave_if_empty(owned)

    def _put_aside(self, owned: _Owned, error: Exception) -> None:
        name = owned.files[0][0]
        _log.error("A file of the usage spool is damaged (%s) and put aside in %s.", error, self._corrupt)
        self._lose([unknown_loss(Reason.CORRUPT, 0, int(name[:20]) if name[:20].isdecimal() else self._now_ns())])
        try:
            self._corrupt.mkdir(exist_ok=True, mode=0o700)
            owned.path(name).replace(self._corrupt / f"{name}{_PIECE}")
            for too_many in sorted(self._corrupt.iterdir())[:-CORRUPT_FILES_MAX]:
                too_many.unlink()
        except OSError:
            with suppress(OSError):
                owned.path(name).unlink()
        owned.remove(0)


def _on_disk(size: int) -> int:
    return -(-size // _BLOCK_BYTES) * _BLOCK_BYTES


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(FILE_BYTES_MAX)
