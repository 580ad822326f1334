"""Our half of a provider's bill: what was counted and what it costs, by UTC day, model, kind and tier."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from tallystick.llm.kinds import (
    CANCELLED,
    ERROR,
    MODEL,
    NO_USAGE,
    OUTCOME,
    PROVIDER,
    REQUESTS,
    STANDARD,
    TOKEN_KIND,
    TOKENS,
    TOKENS_UNIT,
    UNITS,
)
from tallystick_receiver.adapters import CACHE_BLIND
from tallystick_receiver.bills.bill import REQUESTS as REQUESTS_KIND
from tallystick_receiver.costs import CostRow
from tallystick_receiver.pricing import Key as PriceKey
from tallystick_receiver.pricing import RateBook, State
from tallystick_receiver.question import Question
from tallystick_receiver.reconciliation import Key, Side
from tallystick_receiver.schemes import scheme_of
from tallystick_receiver.store.costs import read_costs
from tallystick_receiver.store.rates import read_book
from tallystick_receiver.store.usage import read_usage

if TYPE_CHECKING:
    from tallystick_receiver.holding import Hold
    from tallystick_receiver.store.database import Database

_HOUR: Final = timedelta(hours=1)
_WIDE: Final = Context(prec=2000)
_ZERO: Final = Decimal(0)
Named = Callable[[date, str | None], str | None]
"""A model's name on a day, by which rates know it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OurSide:
    """What we know of a provider's days.

    Attributes:
        sides: quantities and cost in one currency.
        outcomes: requests by outcome.
        tokens: all of the provider's.
        cache_blind: of them, those of which nobody knows whether they came from a cache.
        overflow: tokens of any provider that an SDK's limit stripped of theirs.
        all_tokens: of all providers.
        other_currencies: of cost that is left out.
        priced_until: everything before then is priced.
    """

    sides: dict[Key, Side] = field(default_factory=dict)
    outcomes: dict[str, Decimal] = field(default_factory=dict)
    tokens: Decimal
    cache_blind: Decimal
    overflow: Decimal
    all_tokens: Decimal
    other_currencies: tuple[str, ...]
    priced_until: datetime


async def read_our_side(
    database: Database, *, org: str | None, provider: str, start: date, end: date, currency: str, named: Named,
    hold: Hold, rows_max: int, now: datetime,
) -> OurSide:  # fmt: skip
    """Our half of days.

    Args:
        database: where.
        org: whose usage; None: of all organisations.
        provider: as in gen_ai.provider.name.
        start: first day, UTC.
        end: first day after it.
        currency: of the cost.
        named: see `model_names`.
        hold: of levels, of which there are none here.
        rows_max: rows of an answer.
        now: see `read_costs`.

    Raises:
        InvalidQuestion: there are more rows, or the days are not kept any more.
        Unavailable: the database is out of reach.
    """
    asked = Question(
        org=org, project=None, types=(TOKENS, UNITS), start=_midnight(start), end=_midnight(end), zone=ZoneInfo("UTC"),
        group_by=("day", "model", "kind", "tier"), filters={PROVIDER: [provider]},
    )  # fmt: skip
    costs = await read_costs(database, asked, rows_max, now)
    whole = await read_costs(database, _of(asked, (TOKENS,), ("type",), {}), rows_max, now)
    requests = await read_usage(
        database, _of(asked, (REQUESTS,), ("type", "day", MODEL, OUTCOME), asked.filters), hold, rows_max
    )
    rows = [row for row in costs.rows if row.state is not State.SUPERSEDED]
    sides: dict[Key, Side] = {}
    for row in rows:
        if row.currency in (None, currency):
            model, kind, tier = row.dimensions
            _add(sides, Key(_day(row.bucket), model, kind, tier or STANDARD), _side(row))
    outcomes: dict[str, Decimal] = defaultdict(Decimal)
    for counted in requests.rows:
        day, quantity = _day(counted.bucket), counted.quantity or _ZERO
        model, outcome = counted.dimensions
        _add(sides, Key(day, named(day, model), REQUESTS_KIND), Side(quantity=quantity))
        outcomes[outcome or ""] = _WIDE.add(outcomes[outcome or ""], quantity)
    tokens = [row for row in rows if row.metric == TOKENS]
    every = [row for row in whole.rows if row.state is not State.SUPERSEDED]
    return OurSide(
        sides=sides, outcomes=dict(outcomes), tokens=_quantity(tokens),
        cache_blind=_quantity([row for row in tokens if row.grade == CACHE_BLIND]),
        overflow=_quantity([row for row in every if row.is_overflow]), all_tokens=_quantity(every),
        other_currencies=tuple(sorted({row.currency for row in rows if row.currency} - {currency})),
        priced_until=min(costs.priced_until, asked.end),
    )  # fmt: skip


async def model_names(database: Database, org: str | None, provider: str) -> Named:
    """How rates name a provider's models: by aliases, and without the date of a snapshot.

    Raises:
        Unavailable: the database is out of reach.
    """
    async with database.reading() as connection:
        book = await read_book(connection, None)
    known: dict[tuple[date, str], str] = {}

    def named(day: date, model: str | None) -> str | None:
        if model is None:
            return None
        if (day, model) not in known:
            known[day, model] = _resolved(book, org or "", provider, model, _midnight(day))
        return known[day, model]

    return named


def shares(ours: OurSide) -> dict[str, tuple[Decimal, Decimal]]:
    """Parts of our half that a bill may see otherwise, each with what it is a part of."""
    requests = _ZERO
    for quantity in ours.outcomes.values():
        requests = _WIDE.add(requests, quantity)
    return {
        "noUsage": (ours.outcomes.get(NO_USAGE, _ZERO), requests),
        "cancelled": (ours.outcomes.get(CANCELLED, _ZERO), requests),
        "error": (ours.outcomes.get(ERROR, _ZERO), requests),
        "cacheBlind": (ours.cache_blind, ours.tokens),
        "overflow": (ours.overflow, ours.all_tokens),
    }


def _resolved(book: RateBook, org: str, provider: str, model: str, time: datetime) -> str:
    attributes = {**scheme_of(TOKENS).defaults, PROVIDER: provider, MODEL: model, TOKEN_KIND: "input_uncached"}
    key = PriceKey(metric=TOKENS, unit=TOKENS_UNIT, attributes=attributes)
    return dict(book.segments(org, key, time, time + _HOUR)[0].tariff.resolved).get(MODEL, model)


def _of(
    asked: Question, types: tuple[str, ...], group_by: tuple[str, ...], filters: dict[str, list[str]]
) -> Question:  # fmt: skip
    return Question(
        org=asked.org, project=None, types=types, start=asked.start, end=asked.end, zone=asked.zone, group_by=group_by,
        filters=filters,
    )  # fmt: skip


def _side(row: CostRow) -> Side:
    return Side(quantity=row.quantity, cost=row.cost or _ZERO, unpriced=row.quantity if row.cost is None else _ZERO)


def _add(sides: dict[Key, Side], key: Key, side: Side) -> None:
    sides[key] = sides[key].plus(side) if key in sides else side


def _quantity(rows: list[CostRow]) -> Decimal:
    total = _ZERO
    for row in rows:
        total = _WIDE.add(total, row.quantity)
    return total


def _day(bucket: datetime | None) -> date:
    assert bucket is not None  # noqa: S101 - it is grouped by day
    return bucket.astimezone(UTC).date()


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
