"""GET /api/v1/costs/unit-economics: what a user, a conversation, a feature, a request cost, and what caching saves."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from tallystick.quantity import text_of
from tallystick_receiver.costs import WIDE, share, sums
from tallystick_receiver.distribution import per
from tallystick_receiver.query.cost_routes import asked_content, number_text, totals_content, unpriced_models
from tallystick_receiver.query.params import Words
from tallystick_receiver.query.problem import answer
from tallystick_receiver.store.unit_costs import UnitCosts, read_unit_costs
from tallystick_receiver.unit_costs import Saving, cache_use, savings

if TYPE_CHECKING:
    from aiohttp import web

    from tallystick_receiver.query.asking import Desk
    from tallystick_receiver.store.cost_subjects import Subjects

_WORDS: Final = Words(type=None, group_by=None, groups="user")


class UnitCostRoutes:
    """What one of anything costs."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Register the routes."""
        router.add_get("/api/v1/costs/unit-economics", self.unit_economics)

    async def unit_economics(self, request: web.Request) -> web.Response:
        """Cost by active user, conversation, feature and request; caches; outcomes of requests."""
        caller = await self._desk.caller(request)
        question = self._desk.question(request, caller, _WORDS)
        completeness = await self._desk.completeness(question, caller)
        found = await read_unit_costs(self._desk.database, question, caller.now)
        asked = asked_content(question)
        del asked["groupBy"]
        return answer({
            **asked, "activeUsers": found.active_users, "requests": _requests(found), "cache": _cache(found),
            "rows": _rows(found), **totals_content(found.users.costs),
            "unpricedModels": unpriced_models(found.users.models, found.users.costs), "completeness": completeness,
        })  # fmt: skip


def _rows(found: UnitCosts) -> list[dict[str, Any]]:
    """A row for each currency."""
    saved = savings(found.cached)
    requests = _number(found)
    rows = []
    for _, one in sums(((), row) for row in found.users.costs.rows):
        if one.currency is None or one.cost is None:
            continue
        rows.append({
            "currency": one.currency, "cost": number_text(one.cost),
            "perActiveUser": number_text(_per(one.cost, Decimal(found.active_users))),
            "perRequest": number_text(_per(one.cost, requests)),
            "perConversation": _mean(found.conversations, one.currency),
            "conversations": _count(found.conversations, one.currency),
            "perFeature": _mean(found.features, one.currency), "features": _count(found.features, one.currency),
            "cacheSaving": _saving(saved.get(one.currency)),
        })  # fmt: skip
    return rows


def _per(cost: Decimal, number: Decimal | None) -> Decimal | None:
    return per(cost, number) if number else None


def _mean(subjects: Subjects, currency: str) -> str | None:
    spread = subjects.spreads.get(currency)
    return None if spread is None else number_text(spread.mean)


def _count(subjects: Subjects, currency: str) -> int:
    spread = subjects.spreads.get(currency)
    return 0 if spread is None else spread.subjects


def _saving(saving: Saving | None) -> dict[str, str]:
    found = saving or Saving(Decimal(0), Decimal(0))
    return {"reads": text_of(found.reads), "writes": text_of(found.writes), "net": text_of(found.net)}


def _number(found: UnitCosts) -> Decimal | None:
    """How many requests there were; None where nobody counts them."""
    if not found.requests:
        return None
    number = Decimal(0)
    for quantity in found.requests.values():
        number = WIDE.add(number, quantity)
    return number


def _requests(found: UnitCosts) -> dict[str, Any]:
    number = _number(found)
    return {
        "total": number_text(number),
        "outcomes": [
            {"outcome": outcome, "requests": text_of(amount), "share": number_text(share(amount, number or amount))}
            for outcome, amount in sorted(found.requests.items(), key=lambda pair: pair[0] or "")
        ],
    }  # fmt: skip


def _cache(found: UnitCosts) -> dict[str, Any]:
    use = cache_use(found.kinds)
    unknown = Decimal(0)
    for one in found.cached:
        if one.currency is None:
            unknown = WIDE.add(unknown, one.quantity)
    return {
        "inputTokens": text_of(use.input), "readTokens": text_of(use.read),
        "hitShare": number_text(share(use.read, use.input)), "unpricedTokens": text_of(unknown),
    }  # fmt: skip
