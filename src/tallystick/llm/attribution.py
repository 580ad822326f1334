"""For whom a request is made: said with the call, or once for everything that happens below a `with`."""

from __future__ import annotations

from contextlib import suppress
from contextvars import ContextVar, Token
from dataclasses import dataclass, fields, replace
from types import TracebackType
from typing import Final, TypedDict, Unpack
from uuid import UUID

Id = str | int | UUID | None


class Who(TypedDict, total=False):
    """Whom a request is for, as arguments; what is left out is taken from `attributed()` around the call."""

    organization_id: str | None
    """Who used it; needed, here or around."""
    project_id: str | None
    user: Id
    conversation: Id
    feature: Id
    """The part of the application."""
    agent: Id
    """The agent that calls the model. Record calls of models only, never an agent's own total."""
    parent_agent: Id
    """The agent that called that one."""
    root: Id
    """The run or workflow that the call is part of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """Whom a request is for; None: not known."""

    organization_id: str | None = None
    project_id: str | None = None
    user: Id = None
    conversation: Id = None
    feature: Id = None
    agent: Id = None
    parent_agent: Id = None
    root: Id = None

    def within(self, outer: Attribution) -> Attribution:
        """This, and what it does not say taken from around it. The agent around another one is its parent."""
        if outer is NOBODY:
            return self
        inherited = {key: getattr(outer, key) for key in _INHERITED if getattr(self, key) is None}
        parent = self.parent_agent
        if parent is None:
            is_new = self.agent is not None and self.agent != outer.agent
            parent = outer.agent if is_new else outer.parent_agent
        return replace(self, **inherited, parent_agent=parent)


NOBODY: Final = Attribution()
_INHERITED: Final = tuple(field.name for field in fields(Attribution) if field.name != "parent_agent")

_current: ContextVar[Attribution] = ContextVar("tallystick_llm_attribution", default=NOBODY)


def current() -> Attribution:
    """What the `attributed()` around here say."""
    return _current.get()


class attributed:  # noqa: N801 - it reads like a function
    """Attributes every request that is recorded below this `with`.

    Holds for the code within, for what it awaits, and for asyncio tasks and `asyncio.to_thread()` started there; a
    thread pool takes it over with `contextvars.copy_context().run`. An inner one says more and keeps the rest; an agent
    within another agent has that one as its parent.

    Example:
        >>> with attributed(user="u-17", feature="chat", agent="planner", root="run-1"):
        ...     answer()  # whatever it records is for u-17, chat, planner, run-1
    """

    def __init__(self, **who: Unpack[Who]) -> None:
        self._said = Attribution(**who)
        self._tokens: list[Token[Attribution]] = []

    def __enter__(self) -> None:
        self._tokens.append(_current.set(self._said.within(_current.get())))

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        # A generator that the garbage collector or another task closes ends in another context than the one it began
        # in, and there is nothing to restore there.
        with suppress(ValueError):
            _current.reset(self._tokens.pop())
