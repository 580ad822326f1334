"""The errors of the receiver, by what the sender should do.

Unavailable        try again: 503 + Retry-After on OTLP paths
tallystick.refusal.Refused   this point, never: quarantine
Malformed          this body, never: 400
BodyError          this body, never: 400, 413 or 415
InvalidQuestion    this query, never: 400
"""

from __future__ import annotations


class Unavailable(Exception):  # noqa: N818 - it names a state that passes
    """It may work in a moment: the database is away, a queue is full, the receiver stops."""


class Malformed(ValueError):  # noqa: N818 - it names the state of the body
    """The body is not an export request; nothing of it is used."""


class BodyError(Exception):
    """A body that cannot be read: too large, cut short, an unknown encoding."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class StoreRejected(Exception):  # noqa: N818 - it names what the database did
    """The database refuses the content of a commit (SQLSTATE class 22 or 23): sending it again does not help."""


class NotLoopbackError(Exception):
    """Without keys the receiver listens on loopback only."""


class InvalidQuestion(ValueError):  # noqa: N818 - it names what it is
    """A parameter of a query cannot be used; the sentence names it."""
