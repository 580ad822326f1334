"""limit and cursor: an answer in pages, each beginning behind the last row of the one before.

A cursor is the sort key of a row and a digest of the question: it goes on where it was even when rows came in between,
and never answers another question. Rows whose place changes between two pages may come twice or not at all; a window
in the past stays as it is.
"""

from __future__ import annotations

import base64
import json
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tallystick_receiver.errors import InvalidQuestion

if TYPE_CHECKING:
    from multidict import MultiMapping

    from tallystick_receiver.question import Question

PARAMETERS: Final = ("limit", "cursor")
_DIGITS_MAX: Final = 9
_SHOWN_MAX: Final = 10**_DIGITS_MAX
_NOT_OURS: Final = "cursor is not one that was given out for this question"
Item = TypeVar("Item")
Key = Sequence[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Which rows of an answer are asked for.

    Attributes:
        limit: rows at most; None: all.
        after: the sort key of the last row of the page before, and how many rows of that key it had shown; None: the
            first page.
        digest: of the question.
    """

    limit: int | None
    after: tuple[list[Any], int] | None
    digest: str


def page_of(query: MultiMapping[str], question: Question, rows_max: int) -> Page:
    """The page that a query string asks for.

    Raises:
        InvalidQuestion: `limit` is not 1 to `rows_max`, or `cursor` is of another question.
    """
    text = query.get("limit")
    if text is not None and not (
        text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX and 1 <= int(text) <= rows_max
    ):
        raise InvalidQuestion(f"limit must be 1 to {rows_max}")
    asked = (
        question.org, question.project, question.types, question.start.isoformat(), question.end.isoformat(),
        question.zone.key, question.group_by, sorted(question.filters.items()),
    )  # fmt: skip
    digest = blake2b(json.dumps(asked).encode(), digest_size=8).hexdigest()
    cursor = query.get("cursor")
    after = None if cursor is None else _opened(cursor, digest)
    return Page(limit=None if text is None else int(text), after=after, digest=digest)


def cut(rows: Sequence[Item], page: Page, key: Callable[[Item], Key]) -> tuple[Sequence[Item], str | None]:
    """The rows of a page, and the cursor of the next one if there is any.

    Args:
        rows: all of them, sorted by `key`.
        page: which are wanted.
        key: lists, texts, numbers and booleans.

    Raises:
        InvalidQuestion: the cursor is not one of ours.
    """
    if page.limit is None and page.after is None:
        return rows, None

    def listed(row: Item) -> Any:  # noqa: ANN401 - a sort key
        return _listed(key(row))

    try:
        first = 0 if page.after is None else bisect_left(rows, page.after[0], key=listed) + page.after[1]
    except TypeError:
        raise InvalidQuestion(_NOT_OURS) from None
    last = len(rows) if page.limit is None else min(first + page.limit, len(rows))
    if last >= len(rows):
        return rows[first:], None
    of_last = listed(rows[last - 1])
    shown = last - bisect_left(rows, of_last, key=listed)
    sealed = json.dumps([page.digest, of_last, shown], separators=(",", ":"))
    return rows[first:last], base64.urlsafe_b64encode(sealed.encode()).decode().rstrip("=")


def _opened(cursor: str, digest: str) -> tuple[list[Any], int]:
    try:
        sealed = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        whose, after, shown = sealed
    except (ValueError, TypeError, RecursionError):
        raise InvalidQuestion(_NOT_OURS) from None
    if whose != digest or not isinstance(after, list) or not isinstance(shown, int) or not 0 <= shown <= _SHOWN_MAX:
        raise InvalidQuestion(_NOT_OURS)
    return after, shown


def _listed(key: Any) -> Any:  # noqa: ANN401 - nested sequences
    """Tuples as lists, as JSON brings them back."""
    return [_listed(part) for part in key] if isinstance(key, tuple | list) else key
