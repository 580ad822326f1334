"""SIGTERM flushes: an application without a handler of its own would end with the last interval's usage in memory."""

from __future__ import annotations

import os
import signal
from _thread import start_new_thread
from threading import current_thread, main_thread
from time import sleep
from types import FrameType
from typing import Final, Protocol
from weakref import WeakSet

FINISH_SECONDS: Final = 5.0
"""For the last delivery; what is not delivered then is on disk."""
_END_SECONDS: Final = 8.0
"""After this time the process ends even if a callback of the application hangs; `docker stop` kills after ten."""


class Terminable(Protocol):
    """Has a thread of its own that can finish, and then end the process."""

    def terminate(self) -> None:
        """Let the thread finish; must not wait, since the interrupted thread may hold any lock."""


_terminable: WeakSet[Terminable] = WeakSet()


def finish_on_sigterm(holder: Terminable) -> None:
    """Call `holder.terminate()` on SIGTERM, while nobody else handles it; any handler set later takes over.

    Only the main thread can set a handler; elsewhere nothing happens.
    """
    if current_thread() is not main_thread():
        return
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _terminate)
    _terminable.add(holder)


def finished(holder: Terminable) -> None:
    """The holder needs nothing more; the last one that was terminated ends the process, as SIGTERM would have."""
    _terminable.discard(holder)
    if not _terminable:
        os.kill(os.getpid(), signal.SIGTERM)


def released(holder: Terminable) -> None:
    """The holder was shut down in peace; SIGTERM does not concern it any more."""
    _terminable.discard(holder)


def _terminate(_number: int, _frame: FrameType | None) -> None:
    # A second SIGTERM ends the process at once.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    holders = list(_terminable)
    for holder in holders:
        holder.terminate()
    # Not a Thread: starting one takes locks, which the interrupted thread may hold.
    start_new_thread(_end_after, (_END_SECONDS if holders else 0.0,))


def _end_after(seconds: float) -> None:
    sleep(seconds)
    os.kill(os.getpid(), signal.SIGTERM)
