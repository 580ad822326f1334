"""What one user, conversation, feature or request costs, and what caching is worth. Pure and exact."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from tallystick.llm import kinds
from tallystick_receiver.costs import WIDE, CostRow
from tallystick_receiver.pricing import State

_READS: Final = frozenset({
    kinds.CACHE_READ, kinds.CACHE_READ_AUDIO, kinds.CACHE_READ_IMAGE, kinds.CACHE_READ_VIDEO
})  # fmt: skip
_WRITES: Final = frozenset({kinds.CACHE_WRITE, kinds.CACHE_WRITE_5M, kinds.CACHE_WRITE_1H})
CACHED_KINDS: Final = tuple(sorted(_READS | _WRITES))


def uncached(kind: str) -> str:
    """The kind that the same tokens would have been without a cache."""
    modality = kind.removeprefix(kinds.CACHE_READ + "_")
    return f"{kinds.INPUT_UNCACHED}_{modality}" if modality in kinds.MODALITIES else kinds.INPUT_UNCACHED


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedCost:
    """Cached tokens of one kind, at list, and as input that is not cached; without a currency where either is unknown.

    Attributes:
        quantity: tokens.
        cost: what they cost at list.
        uncached_cost: what they would have cost.
    """

    kind: str
    currency: str | None
    quantity: Decimal
    cost: Decimal | None
    uncached_cost: Decimal | None


@dataclass(frozen=True, slots=True)
class Saving:
    """At list: what reading from caches saved, and what writing to them cost more than plain input would have."""

    reads: Decimal
    writes: Decimal

    @property
    def net(self) -> Decimal:
        """What is left."""
        return WIDE.subtract(self.reads, self.writes)


def savings(costs: Iterable[CachedCost]) -> dict[str, Saving]:
    """By currency."""
    found: dict[str, Saving] = {}
    for one in costs:
        if one.currency is None or one.cost is None or one.uncached_cost is None:
            continue
        so_far = found.get(one.currency, Saving(Decimal(0), Decimal(0)))
        difference = WIDE.subtract(one.uncached_cost, one.cost)
        if one.kind in _READS:
            found[one.currency] = Saving(WIDE.add(so_far.reads, difference), so_far.writes)
        else:
            found[one.currency] = Saving(so_far.reads, WIDE.subtract(so_far.writes, difference))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheUse:
    """Tokens of prompts: all of them, and those that were read from a cache."""

    input: Decimal
    read: Decimal


def cache_use(rows: Iterable[CostRow]) -> CacheUse:
    """How much of all input came from caches.

    Args:
        rows: grouped by kind; what has no price counts, too.
    """
    whole, read = Decimal(0), Decimal(0)
    for row in rows:
        kind = row.dimensions[0]
        if row.metric != kinds.TOKENS or row.state is State.SUPERSEDED or kind not in kinds.INPUT_KINDS:
            continue
        whole = WIDE.add(whole, row.quantity)
        if kind in _READS:
            read = WIDE.add(read, row.quantity)
    return CacheUse(input=whole, read=read)
