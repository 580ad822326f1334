"""Usage that waits in the process: one cell a stream, exact, bounded, safe between threads."""

from __future__ import annotations

from itertools import islice
from threading import RLock
from typing import TYPE_CHECKING, Final

from tallystick.validity import exact_sum

if TYPE_CHECKING:
    from decimal import Decimal

    from tallystick.stream import Shortcut, Stream

_SHORTCUTS_MAX: Final = 4
"""Shortcuts of one cell: metadata of one meaning may come in several orders."""


class Cell:
    """The total of one stream since it was last taken. Change it under the lock of its Pending."""

    __slots__ = ("fraction", "shortcuts", "whole")

    def __init__(self) -> None:
        self.whole = 0
        self.fraction: int | Decimal = 0
        self.shortcuts: list[Shortcut] = []

    def add(self, amount: int | Decimal) -> None:
        """Add exactly."""
        if isinstance(amount, int):
            self.whole += amount
            return
        while True:
            # A signal handler or finaliser may record in the midst of the addition (the lock lets
            # its own thread in again); then the addition is done anew.
            before = self.fraction
            after = exact_sum(before, amount)
            if self.fraction is before:
                self.fraction = after
                return

    def total(self) -> int | Decimal:
        """What was added."""
        return exact_sum(self.whole, self.fraction)


class Pending:
    """The cells of one provider.

    `lock` and `shortcuts` are for `Metering.record()`, whose fast path is one look-up in them.
    """

    def __init__(self, keys_max: int) -> None:
        self.keys_max = keys_max
        self.carried = 0
        """Streams that the last drain could not send whole; they count towards the bound."""
        self.forget()

    def forget(self) -> None:
        """Start empty with a fresh lock: for a forked child, whose parent sends what waited."""
        # Re-entrant, because a signal handler or a finaliser of this thread may record, too.
        self.lock = RLock()
        self.shortcuts: dict[Shortcut, Cell] = {}
        self._cells: dict[Stream, Cell] = {}
        self.carried = 0

    def add(self, stream: Stream, amount: int | Decimal, shortcut: Shortcut | None) -> bool:
        """Add to the stream's cell; False: there is no room for another stream."""
        with self.lock:
            cell = self._cells.get(stream)
            if cell is None:
                if len(self._cells) + self.carried >= self.keys_max:
                    return False
                cell = self._cells.setdefault(stream, Cell())
            cell.add(amount)
            if shortcut is not None and len(cell.shortcuts) < _SHORTCUTS_MAX:
                cell.shortcuts.append(shortcut)
                self.shortcuts[shortcut] = cell
            return True

    def take_all(self) -> dict[Stream, Cell]:
        """Everything that waits; it starts again empty, so memory follows the last interval."""
        with self.lock:
            self.shortcuts = {}
            cells, self._cells = self._cells, {}
        return cells

    def take_oldest(self, count: int) -> dict[Stream, Cell]:
        """Up to `count` cells, those that came first."""
        with self.lock:
            oldest = dict(islice(self._cells.items(), count))
            for stream, cell in oldest.items():
                del self._cells[stream]
                for shortcut in cell.shortcuts:
                    self.shortcuts.pop(shortcut, None)
        return oldest
