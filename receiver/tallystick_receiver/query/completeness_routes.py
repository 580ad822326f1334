"""GET /api/v1/completeness: what is known to be missing, and what is not known."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from aiohttp import web

from tallystick_receiver.access import USAGE, Denied
from tallystick_receiver.errors import InvalidQuestion
from tallystick_receiver.query.completeness_json import in_full
from tallystick_receiver.query.params import question_of
from tallystick_receiver.query.problem import answer
from tallystick_receiver.store.completeness import Completeness, Scope, read_completeness

if TYPE_CHECKING:
    from tallystick_receiver.access import Gate
    from tallystick_receiver.question import Question
    from tallystick_receiver.store.database import Database

_PARAMETERS: Final = frozenset({"orgId", "type", "from", "to", "tz"})


class Books:
    """How complete the usage in the database is.

    Args:
        database: which.
        silent_after: see `read_completeness`.
        late: likewise.
    """

    def __init__(self, database: Database, *, silent_after: timedelta, late: timedelta) -> None:
        self._database = database
        self._silent_after = silent_after
        self._late = late

    async def read(self, question: Question, now: datetime) -> Completeness:
        """What can be said about the question's organisation, types and window.

        Raises:
            Unavailable: the database is out of reach.
        """
        async with self._database.reading() as connection:
            return await read_completeness(
                connection, scope_of(question), now=now, silent_after=self._silent_after, late=self._late
            )


class CompletenessRoutes:
    """Answers about completeness."""

    def __init__(self, books: Books, gate: Gate, *, now_ns: Callable[[], int]) -> None:
        self._books = books
        self._gate = gate
        self._now_ns = now_ns

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the route."""
        router.add_get("/api/v1/completeness", self.completeness)

    async def completeness(self, request: web.Request) -> web.Response:
        """Complete until when, known gaps with their amounts, and who is silent or announces nothing."""
        access = await self._gate.access(request.headers.get("Authorization"), USAGE)
        now = datetime.fromtimestamp(self._now_ns() / 1e9, UTC)
        unknown = next((key for key in request.query if key not in _PARAMETERS), None)
        if unknown is not None:
            raise InvalidQuestion(
                f"there is no parameter {unknown[:60]!r}: completeness is known by orgId, type and time"
            )
        try:
            question = question_of(request.query, now, access.org)
        except PermissionError as error:
            raise Denied(403, str(error)) from None
        found = await self._books.read(question, now)
        return answer(in_full(scope_of(question), found, access.org))


def scope_of(question: Question) -> Scope:
    """The part of a question that completeness is about."""
    return Scope(start=question.start, end=question.end, org=question.org, types=question.types)
