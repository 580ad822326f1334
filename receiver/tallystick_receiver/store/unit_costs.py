"""Reading what unit economics are made of, in one snapshot."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from tallystick.llm import kinds
from tallystick_receiver.adapters import foreign_metrics
from tallystick_receiver.costs import CostRow, hours_of
from tallystick_receiver.periods import next_month
from tallystick_receiver.pricing import Key, RateBook
from tallystick_receiver.store.cost_subjects import Subjects, subjects_in
from tallystick_receiver.store.costs import priced_metrics, read_cost_rows, snapshot_of_costs
from tallystick_receiver.store.months import read_months
from tallystick_receiver.store.rates import read_book
from tallystick_receiver.store.scene import project_of, scene_of, sums_statement
from tallystick_receiver.store.statements import statement, statement_over
from tallystick_receiver.unit_costs import CACHED_KINDS, CachedCost, uncached

if TYPE_CHECKING:
    import asyncpg

    from tallystick_receiver.question import Question
    from tallystick_receiver.store.database import Database

_CALLERS: Final = (kinds.OUTCOME, kinds.USER, "enduser.id")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitCosts:
    """What unit economics are made of.

    Attributes:
        users, conversations, features: each subject's cost; those of `users` hold the sums, too.
        kinds: cost by kind of tokens.
        cached: cached tokens, and what they would have cost without a cache.
        active_users: who made a request, or used tokens without counting requests.
        requests: by outcome (None: nobody said); empty where nobody counts them.
    """

    users: Subjects
    conversations: Subjects
    features: Subjects
    kinds: list[CostRow]
    cached: list[CachedCost]
    active_users: int
    requests: dict[str | None, Decimal]


async def read_unit_costs(database: Database, question: Question, now: datetime) -> UnitCosts:
    """Cost, who caused it, and requests.

    Args:
        database: where.
        question: what; its groups do not matter.
        now: see `read_costs`.

    Raises:
        InvalidQuestion: a project is asked for without its organisation, or the window needs usage that was dropped.
        Unavailable: the database is out of reach.
    """
    async with snapshot_of_costs(database, question) as (connection, orgs):
        users, conversations, features = [
            await subjects_in(connection, _by(question, group), orgs, now)
            for group in ("user", "conversation", "feature")
        ]
        active_users, requests = await _callers(connection, question)
        return UnitCosts(
            users=users, conversations=conversations, features=features,
            kinds=await read_cost_rows(connection, replace(question, group_by=("kind",)), orgs, None),
            cached=await _cached(connection, question, orgs), active_users=active_users, requests=requests,
        )  # fmt: skip


def _by(question: Question, group: str) -> Question:
    """Two organisations may have users of one name; features of one name are one."""
    is_own = question.org is not None or group == "feature"
    return replace(question, group_by=(group,) if is_own else ("org", group))


async def _callers(connection: asyncpg.Connection, question: Question) -> tuple[int, dict[str | None, Decimal]]:
    start, end = hours_of(question.start, question.end)
    asked = replace(
        question, types=(kinds.REQUESTS, kinds.TOKENS, *foreign_metrics()), group_by=("org", *_CALLERS), start=start,
        end=end,
    )  # fmt: skip
    if start >= end:
        return 0, {}
    wanted = sums_statement(await scene_of(connection, asked), asked, None)
    if wanted is None:
        return 0, {}
    name, arguments = wanted
    rows = await connection.fetch(statement_over("count_callers", name), *arguments, kinds.REQUESTS)
    return rows[0]["callers"] if rows else 0, {row["outcome"]: row["quantity"] for row in rows if row["is_request"]}


async def _cached(connection: asyncpg.Connection, question: Question, orgs: Sequence[int]) -> list[CachedCost]:
    start, end = hours_of(question.start, question.end)
    await priced_metrics(connection, question, start)
    prices = await _uncached_prices(connection, orgs, start, end)
    rows = await connection.fetch(
        statement("read_cache_costs"), orgs, start, end, [kinds.TOKENS], project_of(question),
        json.dumps(question.filters), list(CACHED_KINDS), *(tuple(zip(*prices, strict=True)) or ((),) * 6),
    )  # fmt: skip
    return [CachedCost(**row) for row in rows]


async def _uncached_prices(
    connection: asyncpg.Connection, orgs: Sequence[int], start: datetime, end: datetime
) -> list[tuple[Any, ...]]:
    """What cached tokens would have cost at list as plain input, by the rates that their months are priced by.

    Returns:
        Organisation, key, from, to, currency and price of one token.
    """
    keys = [
        (row, json.loads(row["attributes"]))
        for row in await connection.fetch(statement("read_cache_keys"), orgs, list(CACHED_KINDS))
    ]
    books: dict[datetime | None, RateBook] = {}
    found: list[tuple[Any, ...]] = []
    for month in (await read_months(connection)).values() if keys else ():
        lower, upper = max(start, month.month), min(end, next_month(month.month))
        if lower >= upper:
            continue
        if month.known_at not in books:
            books[month.known_at] = await read_book(connection, month.known_at)
        for row, attributes in keys:
            kind = uncached(attributes[kinds.TOKEN_KIND])
            key = Key(metric=row["metric"], unit=row["unit"], attributes={**attributes, kinds.TOKEN_KIND: kind})
            found += [
                (row["org_id"], row["key_id"], one.start, one.end, one.tariff.currency, one.tariff.list_price)
                for one in books[month.known_at].segments(row["org"], key, lower, upper)
                if one.tariff.list_price is not None
            ]
    return found
