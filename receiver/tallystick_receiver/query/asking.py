"""What every route about usage does first: who asks, when, and what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tallystick_receiver.access import READ, Denied
from tallystick_receiver.holding import Hold
from tallystick_receiver.query.completeness_json import in_short
from tallystick_receiver.query.params import USUAL, Words, question_of

if TYPE_CHECKING:
    from aiohttp import web

    from tallystick_receiver.access import Access, Gate
    from tallystick_receiver.query.completeness_routes import Books
    from tallystick_receiver.question import Question
    from tallystick_receiver.store.completeness import Completeness
    from tallystick_receiver.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks, and when.

    Attributes:
        access: what the key may read.
        hold: how long samples of levels hold, and the time in nanoseconds.
    """

    access: Access
    hold: Hold

    @property
    def now(self) -> datetime:
        """When."""
        return datetime.fromtimestamp(self.hold.now_ns / 1e9, UTC)


class Desk:
    """Where questions about usage arrive.

    Args:
        database: who answers.
        gate: who may ask.
        books: what is known of completeness.
        now_ns: the wall clock.
        rows_max: rows of an answer that is not streamed.
        hold_seconds: how long a sample of a level holds.
    """

    def __init__(
        self,
        database: Database,
        gate: Gate,
        books: Books,
        *,
        now_ns: Callable[[], int],
        rows_max: int,
        hold_seconds: int,
    ) -> None:
        self.database = database
        self.rows_max = rows_max
        self._gate = gate
        self._books = books
        self._now_ns = now_ns
        self._hold_seconds = hold_seconds

    async def caller(self, request: web.Request, scope: str = READ) -> Caller:
        """Who asks; what a read token may ask has the scope `USAGE`.

        Raises:
            Denied: nobody who may read.
            Unavailable: the keys are not known yet.
        """
        access = await self._gate.access(request.headers.get("Authorization"), scope)
        return Caller(access=access, hold=Hold(seconds=self._hold_seconds, now_ns=self._now_ns()))

    def question(self, request: web.Request, caller: Caller, words: Words = USUAL) -> Question:
        """What is asked.

        Raises:
            InvalidQuestion: a parameter is unknown, repeated or malformed.
            Denied: the key is bound to another organisation.
        """
        try:
            return question_of(request.query, caller.now, caller.access.org, words)
        except PermissionError as error:
            raise Denied(403, str(error)) from None

    async def completeness(self, question: Question, caller: Caller) -> dict[str, Any]:
        """What can be said of the completeness of an answer that is read afterwards.

        Raises:
            Unavailable: the database is out of reach.
        """
        return in_short(await self.books_of(question, caller), caller.access.org)

    async def books_of(self, question: Question, caller: Caller) -> Completeness:
        """What is known of the completeness of an answer that is read afterwards.

        Raises:
            Unavailable: the database is out of reach.
        """
        return await self._books.read(question, caller.now)
