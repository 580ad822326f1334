"""Rates that somebody proposes, against those that count: what would change, and what looks like a mistake. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Context, Decimal
from enum import StrEnum
from typing import Final

_TOKENS: Final = "llm.tokens"
_PER_MILLION: Final = Decimal(1_000_000)
_LOWEST, _HIGHEST = Decimal("0.0001"), Decimal(10_000)
"""What a million tokens cost anywhere; a price per token entered as per million is far outside."""
_TIMES: Final = Decimal(5)
_SHORT: Final = Context(prec=4)
_WIDE: Final = Context(prec=60)

SELECTING: Final = (
    "orgId",
    "metricKey",
    "unit",
    "provider",
    "model",
    "kind",
    "tier",
    "contextBand",
    "region",
    "window",
)


class Kind(StrEnum):
    """What a proposal does."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A rate in the words of the API.

    Attributes:
        named: whose price of what, by the names of SELECTING; and whatever else selects.
        start, end: when it holds; None: without a bound.
        is_current: it says what the price is now, not since when.
        rest: the other fields, as the API takes them.
    """

    named: Mapping[str, str]
    price: Decimal
    per_units: Decimal
    currency: str
    start: datetime | None
    end: datetime | None
    is_current: bool
    rest: Mapping[str, str]

    @property
    def subject(self) -> frozenset[tuple[str, str]]:
        """What it is a price of."""
        return frozenset(self.named.items())

    @property
    def unit_price(self) -> Decimal:
        """Of one unit, for comparisons."""
        return _WIDE.divide(self.price, self.per_units)

    def overlaps(self, other: Proposal) -> bool:
        """Whether both hold at some time."""
        return (other.end is None or self.start is None or self.start < other.end) and (
            self.end is None or other.start is None or other.start < self.end
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a proposal does to what counts.

    Attributes:
        before: the rate that it takes the place of.
        doubts: why it looks like a mistake.
    """

    kind: Kind
    proposal: Proposal
    before: Proposal | None
    doubts: tuple[str, ...]

    @property
    def percent(self) -> Decimal | None:
        """By how much the price changes."""
        if self.before is None or not self.before.unit_price:
            return None
        return _SHORT.multiply(_SHORT.divide(self.proposal.unit_price, self.before.unit_price) - 1, Decimal(100))


def changes(proposed: Iterable[Proposal], live: Iterable[Proposal], now: datetime) -> list[Change]:
    """What each proposal does.

    A proposal that only says what the price is now leaves the past as it is: it holds from now on where there are rates
    of the same thing already.

    Args:
        proposed: by whoever.
        live: rates that count.
        now: a full hour.
    """
    by_subject: dict[frozenset[tuple[str, str]], list[Proposal]] = {}
    for rate in live:
        by_subject.setdefault(rate.subject, []).append(rate)
    found = []
    for proposal in proposed:
        others = [rate for rate in by_subject.get(proposal.subject, ()) if rate.overlaps(proposal)]
        if proposal.is_current and others:
            proposal = replace(proposal, start=max(proposal.start or now, now))  # noqa: PLW2901 - from now on
            if proposal.end is not None and proposal.end <= now:
                continue
            others = [rate for rate in others if rate.overlaps(proposal)]
        different = [rate for rate in others if not _is_same_price(rate, proposal)]
        if others and not different:
            found.append(Change(kind=Kind.SAME, proposal=proposal, before=others[0], doubts=()))
        else:
            before = max(different, key=lambda rate: rate.end is None) if different else None
            kind = Kind.CHANGED if different else Kind.NEW
            found.append(Change(kind=kind, proposal=proposal, before=before, doubts=_doubts(proposal, before)))
    return found


def _is_same_price(one: Proposal, other: Proposal) -> bool:
    return one.unit_price == other.unit_price and one.currency == other.currency


def _doubts(proposal: Proposal, before: Proposal | None) -> tuple[str, ...]:
    found = []
    million = _WIDE.multiply(proposal.unit_price, _PER_MILLION)
    if proposal.named.get("metricKey") == _TOKENS and not _LOWEST <= million <= _HIGHEST:
        found.append(f"a million tokens for {million.normalize():f} {proposal.currency}")
    if before is not None and before.currency == proposal.currency:
        low, high = sorted((before.unit_price, proposal.unit_price))
        if high > low * _TIMES:
            found.append("more than five times as much, or as little")
    return tuple(found)
