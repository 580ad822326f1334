"""What a forked child forgets: usage that its parent will send, and locks that nobody will release.

The hook is registered on import, once, so that it runs before the hooks of readers and providers
that are made later: these may collect in the child, and must not find the parent's usage.
"""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet


class Forgetful(Protocol):
    """Holds state of one process."""

    def forget(self) -> None:
        """Start anew, with fresh locks."""


_forgetful: WeakSet[Forgetful] = WeakSet()


def forget_in_children(holder: Forgetful) -> None:
    """Call `holder.forget()` in every child that this process forks, while holder lives."""
    _forgetful.add(holder)


def _forget_all() -> None:
    for holder in list(_forgetful):
        holder.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
