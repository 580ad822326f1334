"""A delivery: one event on its way to one recipient, and what follows from an attempt. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, assert_never

from tallystick_receiver.webhooks import Webhook

_PAUSE_MAX: Final = timedelta(hours=2)
_RETRY_AFTER_MAX: Final = timedelta(hours=1)
_ERROR_LENGTH_MAX: Final = 500


class Kind(StrEnum):
    """How a recipient is reached."""

    WEBHOOK = "webhook"
    SLACK = "slack"
    EMAIL = "email"


class State(StrEnum):
    """Where a delivery is; what is parked is tried again only by hand."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    PARKED = "parked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try of a delivery, counted before it is made.

    Attributes:
        attempts: how many there were, this one included.
        since: from when on the time to give up runs.
        webhook: the endpoint; None for e-mail, and where it was deleted meanwhile.
        event: the event's id; `body` is its JSON, the same at every try, and `at` its time.
    """

    number: int
    kind: Kind
    lane: str
    attempts: int
    since: datetime
    webhook: Webhook | None
    email: str | None
    event: str
    at: datetime
    body: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """The recipient has it."""


@dataclass(frozen=True, slots=True)
class Failed:
    """It may work later; `retry_after` is what the recipient asks for."""

    error: str
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """It will never work."""

    error: str


@dataclass(frozen=True, slots=True)
class Gone:
    """The endpoint says that it is no more, and wants nothing more."""

    error: str


Outcome = Delivered | Failed | Refused | Gone


@dataclass(frozen=True, slots=True, kw_only=True)
class Persistence:
    """How long a delivery is tried again.

    Attributes:
        first: the pause after the first attempt.
        give_up: age at which it is parked.
    """

    first: timedelta
    give_up: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What an attempt made of a delivery."""

    number: int
    attempts: int
    state: State
    due_at: datetime
    error: str | None


def judge(attempt: Attempt, outcome: Outcome, persistence: Persistence, now: datetime, jitter: float) -> Verdict:
    """What follows from an attempt.

    Pauses grow with the age, so that each is about as long as everything before it, two hours at most.

    Args:
        attempt: the try.
        outcome: what became of it.
        persistence: how long to go on.
        now: when it ended.
        jitter: 0 to 1; spreads the pause over four to six fifths.
    """
    state, due_at, error = State.PARKED, now, None
    match outcome:
        case Delivered():
            state = State.DELIVERED
        case Failed():
            pause = min(max(now - attempt.since, persistence.first), _PAUSE_MAX) * (0.8 + 0.4 * jitter)
            due_at = now + max(pause, min(outcome.retry_after or timedelta(), _RETRY_AFTER_MAX))
            state = State.WAITING if due_at <= attempt.since + persistence.give_up else State.PARKED
            error = outcome.error
        case Refused() | Gone():
            error = outcome.error
        case _:
            assert_never(outcome)
    return Verdict(
        number=attempt.number, attempts=attempt.attempts, state=state, due_at=due_at,
        error=None if error is None else storable(error),
    )  # fmt: skip


def storable(error: str) -> str:
    """A sentence that is short, printable and has no NUL, whatever a hostile answer holds."""
    return "".join(c if c.isprintable() else " " for c in error)[:_ERROR_LENGTH_MAX]
