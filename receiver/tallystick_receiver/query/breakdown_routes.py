"""GET /api/v1/usage/breakdown: events and bytes, in the shape that other meters' clients speak (design section 4)."""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import TYPE_CHECKING, Any, Final

from tallystick_receiver.errors import InvalidQuestion
from tallystick_receiver.query.json_answer import bucket_text, rfc3339
from tallystick_receiver.query.paging import PARAMETERS, Page, cut, page_of
from tallystick_receiver.query.params import Words
from tallystick_receiver.query.problem import answer
from tallystick_receiver.question import TIME_UNITS
from tallystick_receiver.store.breakdown import Group, Volume, read_breakdown

if TYPE_CHECKING:
    from aiohttp import web

    from tallystick_receiver.query.asking import Desk
    from tallystick_receiver.question import Question

ALIASES: Final = {"service_id": "service.name"}
"""What that client calls a dimension."""
_WORDS: Final = Words(start="since", end="until", group_by="group_by", groups="service_id", also=PARAMETERS)
_FIGURES: Final = ("events", "bytes")
_WIDE: Final = Context(prec=2000)


class BreakdownRoutes:
    """How many events and bytes each service, or any other group, had."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the route."""
        router.add_get("/api/v1/usage/breakdown", self.breakdown)

    async def breakdown(self, request: web.Request) -> web.Response:
        """Events and bytes by group, those with the most bytes first."""
        caller = await self._desk.caller(request)
        asked = self._desk.question(request, caller, _WORDS)
        if set(asked.group_by) & set(_FIGURES):
            raise InvalidQuestion("a dimension that is called events or bytes is a figure here: ask /api/usage for it")
        page = page_of(request.query, asked, self._desk.rows_max)
        question = replace(asked, group_by=tuple(ALIASES.get(group, group) for group in asked.group_by))
        found = await read_breakdown(self._desk.database, question, self._desk.rows_max)
        return answer(breakdown_answer(asked.group_by, question, found, page))


def breakdown_answer(
    names: tuple[str, ...], question: Question, found: dict[Group, Volume], page: Page
) -> dict[str, Any]:
    """The whole answer; figures are JSON integers, digit for digit, and totals are those of all pages.

    Args:
        names: what the groups are called in the answer.
        question: with the groups as they are stored.
        found: see `read_breakdown`.
        page: which rows.

    Raises:
        InvalidQuestion: the cursor is not one of ours.
    """
    rows = [
        {**_named(names, question, group), "events": _whole(volume.events), "bytes": _whole(volume.bytes)}
        for group, volume in found.items()
    ]
    rows.sort(key=lambda row: _order(names, row))
    shown, following = cut(rows, page, lambda row: _order(names, row))
    total = Volume()
    for volume in found.values():
        total.events = _WIDE.add(total.events, volume.events)
        total.bytes = _WIDE.add(total.bytes, volume.bytes)
    return {
        "period": {"start": rfc3339(question.start), "end": rfc3339(question.end)},
        "breakdown": list(shown),
        "total_events": _whole(total.events),
        "total_bytes": _whole(total.bytes),
        **({} if following is None else {"next_cursor": following}),
    }


def _named(names: tuple[str, ...], question: Question, group: Group) -> dict[str, Any]:
    type_, org, project, bucket, dimensions = group
    of_dimensions = dict(zip(question.dimensions, dimensions, strict=True))
    found: dict[str, Any] = {}
    for name, stored in zip(names, question.group_by, strict=True):
        if stored in TIME_UNITS:
            # With several of them, the bucket is that of the finest.
            found[name] = None if bucket is None else bucket_text(bucket.astimezone(question.zone), stored)
        elif stored in ("type", "org", "project"):
            found[name] = {"type": type_, "org": org, "project": project}[stored]
        else:
            found[name] = of_dimensions[stored]
    return found


def _order(names: tuple[str, ...], row: dict[str, Any]) -> list[Any]:
    """Most bytes first, then by name; a row without the dimension comes last."""
    return [-row["bytes"], *([row[name] is None, row[name] or ""] for name in names)]


def _whole(number: Decimal) -> int:
    """The nearest integer, half to even: events and bytes are whole unless somebody measured otherwise."""
    return int(number.to_integral_value(ROUND_HALF_EVEN, context=_WIDE))
