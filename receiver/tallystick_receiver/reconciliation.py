"""Our half and the provider's half of a bill, laid side by side by UTC day, model, kind and tier, and why they differ.

    theirs - ours = coverage + price + unpriced + fees + rest

| part | is |
|---|---|
| coverage | tokens that only one side has, at the provider's rate of that day, model and kind |
| unpriced | tokens that both have and we have no price for, at the provider's rate |
| price | tokens that both have and we price, at the difference of the rates |
| fees | what is no token: searches, sessions, storage |
| rest | what the provider asks without saying for how many tokens of what |

Tokens are compared tier by tier where the provider names the tier of all of a day, model and kind; else all tiers of it
are one, on both sides.

The five add up to the difference to the last digit. Nothing is calibrated: what is not understood is in `rest`.

Pure and exact. The provider's rate is cost / quantity and may have no end, so coverage and unpriced are rounded to 12
decimals, half to even, and price takes what rounding leaves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Context, Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Final, NamedTuple

from tallystick.llm.kinds import TOKEN_KINDS

PLACES: Final = 12
_WIDE: Final = Context(prec=2000)
_ZERO: Final = Decimal(0)
_TOKENS: Final = frozenset(TOKEN_KINDS)
_PERCENT: Final = 100


class Key(NamedTuple):
    """What is compared; a model, kind or tier of None is all of them together."""

    day: date
    model: str | None
    kind: str | None
    tier: str | None = None

    @property
    def is_tokens(self) -> bool:
        """Whether its quantity is tokens."""
        return self.kind in _TOKENS

    @property
    def is_whole(self) -> bool:
        """Whether it is all of a day together."""
        return self.model is None and self.kind is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What one side says; None where it says nothing.

    Attributes:
        unpriced: how much of `quantity` our `cost` leaves out, for want of a rate.
    """

    quantity: Decimal | None = None
    cost: Decimal | None = None
    unpriced: Decimal = _ZERO

    def plus(self, other: Side) -> Side:
        """Both together."""
        return Side(
            quantity=_plus(self.quantity, other.quantity),
            cost=_plus(self.cost, other.cost),
            unpriced=_WIDE.add(self.unpriced, other.unpriced),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Why the provider asks more than we counted, or less where negative."""

    coverage: Decimal = _ZERO
    price: Decimal = _ZERO
    unpriced: Decimal = _ZERO
    fees: Decimal = _ZERO
    rest: Decimal = _ZERO

    @property
    def delta(self) -> Decimal:
        """Theirs less ours."""
        return _total((self.coverage, self.price, self.unpriced, self.fees, self.rest))

    def plus(self, other: Parts) -> Parts:
        """Both together."""
        return Parts(
            coverage=_WIDE.add(self.coverage, other.coverage),
            price=_WIDE.add(self.price, other.price),
            unpriced=_WIDE.add(self.unpriced, other.unpriced),
            fees=_WIDE.add(self.fees, other.fees),
            rest=_WIDE.add(self.rest, other.rest),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Both sides of a key or of several; `parts` is None where the provider's cost is not known."""

    ours: Side
    theirs: Side
    parts: Parts | None

    @property
    def share(self) -> Fraction | None:
        """|ours - theirs| / max(ours, theirs) in money; None where it cannot be told, 0 where both are nothing."""
        return None if self.parts is None else share_of(self.ours.cost or _ZERO, self.theirs.cost or _ZERO)

    def plus(self, other: Row) -> Row:
        """Both together."""
        parts = self.parts if other.parts is None else other.parts
        if self.parts is not None and other.parts is not None:
            parts = self.parts.plus(other.parts)
        return Row(ours=self.ours.plus(other.ours), theirs=self.theirs.plus(other.theirs), parts=parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """How far the two sides may be apart, in percent.

    Attributes:
        month: of the whole period.
        day: of a day that is settled.
        requests: of requests; more is a warning.
        settled: how long after its end a day may still move.
    """

    month: Decimal = Decimal(1)
    day: Decimal = Decimal(3)
    requests: Decimal = Decimal("0.5")
    settled: timedelta = timedelta(hours=48)


class Verdict(StrEnum):
    """What a gate says."""

    PASSED = "passed"
    FAILED = "failed"
    SETTLING = "settling"
    """Too young to be judged."""
    UNKNOWN = "unknown"
    """There is no cost of the provider to compare with."""


def reconcile(ours: Mapping[Key, Side], theirs: Mapping[Key, Side], costed: Collection[date]) -> dict[Key, Row]:
    """Both sides, key by key.

    Args:
        ours: what we counted and priced.
        theirs: what the provider says; what is missing of a costed day costs nothing there.
        costed: days of which the provider's cost is known.
    """
    ours, theirs = _by_tier(ours, theirs)
    ours, lumped = _lump(ours, theirs, costed)
    rows: dict[Key, Row] = {}
    for key in {**theirs, **ours}:
        our, their = ours.get(key, Side()), theirs.get(key, Side())
        if key.day not in costed:
            rows[key] = Row(ours=our, theirs=replace(their, cost=None), parts=None)
            continue
        their = replace(their, cost=their.cost or _ZERO)
        rows[key] = Row(ours=our, theirs=their, parts=_parts(key, our, their, is_lumped=key in lumped))
    return rows


def grouped(rows: Mapping[Key, Row], names: Collection[str]) -> dict[tuple[object, ...], Row]:
    """Rows added up by some of day, model, kind and tier; by none of them, one row of all, if there is any."""
    found: dict[tuple[object, ...], Row] = {}
    for key, row in rows.items():
        group = tuple(getattr(key, name) for name in names)
        found[group] = found[group].plus(row) if group in found else row
    return found


def share_of(ours: Decimal, theirs: Decimal) -> Fraction:
    """|ours - theirs| / max(ours, theirs); 0 where both are nothing.

    Credits may make a side negative; it is compared by what it is away from nothing.
    """
    largest = max(abs(Fraction(ours)), abs(Fraction(theirs)))
    return abs(Fraction(ours) - Fraction(theirs)) / largest if largest else Fraction()


def verdict(row: Row | None, percent: Decimal, *, is_settled: bool = True) -> Verdict:
    """Whether the two sides are as near as they must be."""
    share = None if row is None else row.share
    if share is None:
        return Verdict.UNKNOWN
    if share * _PERCENT <= Fraction(percent):
        return Verdict.PASSED
    return Verdict.FAILED if is_settled else Verdict.SETTLING


def is_settled(day: date, now: datetime, gates: Gates) -> bool:
    """Whether a UTC day ended long enough ago."""
    end = datetime.combine(day + timedelta(days=1), time(), tzinfo=now.tzinfo)
    return now - end >= gates.settled


def _by_tier(ours: Mapping[Key, Side], theirs: Mapping[Key, Side]) -> tuple[dict[Key, Side], dict[Key, Side]]:
    """Both sides with tiers where the provider names them all, and without where it does not."""
    named = {key[:3] for key in theirs if key.tier is not None and key.is_tokens}
    named -= {key[:3] for key in theirs if key.tier is None}
    return _tiers_joined(ours, named), _tiers_joined(theirs, named)


def _tiers_joined(sides: Mapping[Key, Side], named: Collection[tuple[object, ...]]) -> dict[Key, Side]:
    found: dict[Key, Side] = {}
    for key, side in sides.items():
        own = key if key[:3] in named else key._replace(tier=None)
        found[own] = found[own].plus(side) if own in found else side
    return found


def _lump(
    ours: Mapping[Key, Side], theirs: dict[Key, Side], costed: Collection[date]
) -> tuple[Mapping[Key, Side], set[Key]]:
    """On days whose cost the provider does not split, our cost is not split either.

    Such a day has one more key, of all models and kinds, that holds both costs; quantities stay where they are.
    """
    whole = {key for key, side in theirs.items() if key.is_whole and side.cost and key.day in costed}
    if not whole:
        return ours, whole
    days = {key.day for key in whole}
    kept: dict[Key, Side] = {}
    sums: dict[date, list[Decimal]] = defaultdict(list)
    for key, side in ours.items():
        if key in whole or (key.day in days and not theirs.get(key, Side()).cost):
            sums[key.day].append(side.cost or _ZERO)
            kept[key] = replace(side, cost=None)
        else:
            kept[key] = side
    for key in whole:
        kept[key] = replace(kept.get(key, Side()), cost=_total(sums[key.day]))
    return kept, whole


def _parts(key: Key, our: Side, their: Side, *, is_lumped: bool) -> Parts:
    cost, asked = our.cost or _ZERO, their.cost or _ZERO
    delta = _WIDE.subtract(asked, cost)
    if is_lumped:
        return Parts(rest=delta)
    if not key.is_tokens:
        return Parts(rest=delta) if key.kind is None else Parts(fees=delta)
    quantity = our.quantity or _ZERO
    if not their.quantity:
        # Tokens of which the provider knows nothing have no rate but ours; money without tokens has no reason.
        coverage = _ZERO if asked else -cost
        return Parts(coverage=coverage, rest=_WIDE.subtract(delta, coverage))
    rate = Fraction(asked) / Fraction(their.quantity)
    coverage = _rounded((Fraction(their.quantity) - Fraction(quantity)) * rate)
    unpriced = _rounded(Fraction(our.unpriced) * rate)
    price = _WIDE.subtract(_WIDE.subtract(delta, coverage), unpriced)
    return Parts(coverage=coverage, price=price, unpriced=unpriced)


def _rounded(number: Fraction) -> Decimal:
    return Decimal(round(number * 10**PLACES)).scaleb(-PLACES, _WIDE)


def _plus(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    if one is None or other is None:
        return other if one is None else one
    return _WIDE.add(one, other)


def _total(amounts: Iterable[Decimal]) -> Decimal:
    found = _ZERO
    for amount in amounts:
        found = _WIDE.add(found, amount)
    return found
