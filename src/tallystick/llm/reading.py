"""What a provider's answer says about its usage, in our words: disjoint kinds of tokens, units, who served it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tallystick.llm.block import difference, word
from tallystick.llm.kinds import (
    BATCH,
    CACHE_READ,
    CACHE_WRITE,
    CACHE_WRITE_1H,
    CACHE_WRITE_5M,
    FAST,
    INPUT_KINDS,
    INPUT_UNCACHED,
    STANDARD,
)

_TIERS: Final = {
    "default": STANDARD,
    "on_demand": STANDARD,
    "on_demand_priority": "priority",
    "on_demand_flex": "flex",
    "auto": None,
    "unspecified": None,
    "traffic_type_unspecified": None,
}
"""Words of OpenAI, Bedrock and Vertex for a tier; None: they name none. Others stand for themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """One pass of a model over a prompt: the grain that a context band is decided for."""

    tokens: Mapping[str, int]
    """By kind, disjoint, 0 where the provider says 0; absent where it says nothing."""
    reasoning: int = 0
    """How many of the output tokens were reasoning."""
    model: str | None = None
    """Of a pass that another model made than the answer's own."""

    @property
    def prompt_tokens(self) -> int | None:
        """The length of the prompt, cached or not; None: it has none."""
        counts = [count for kind, count in self.tokens.items() if kind in INPUT_KINDS]
        return sum(counts) if counts else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The usage of one answer. Most answers are one sampling."""

    samplings: tuple[Sampling, ...]
    units: Mapping[str, object] = field(default_factory=dict)
    cost: object = None
    """In USD, as the answer itself says it."""
    tier: str | None = None
    region: str | None = None


def tier_of(*values: object, speed: object = None) -> str | None:
    """The tier as served: the first of the provider's words that names one, together with its speed."""
    words = [word(value) for value in values]
    tiers = [tier for said in words if said is not None and (tier := _TIERS.get(said, said)) is not None]
    tier = tiers[0] if tiers else None
    if word(speed) != FAST:
        return tier
    # Anthropic serves fast mode on the standard tier only; another pair would be priced by a rate of its own.
    return FAST if tier in (None, STANDARD) else f"{tier}+{FAST}"


def tier_or(tier: str | None, otherwise: object, *, is_batch: bool) -> str | None:
    """The tier of a request: batch where the caller says so, else as served, else as the caller knows it."""
    if is_batch:
        return BATCH
    return tier if tier is not None else tier_of(otherwise)


def cache_writes(total: int | None, five_minutes: int | None, one_hour: int | None) -> dict[str, int]:
    """Cache writes by lifetime; what the split leaves of the total has none that is told.

    A total of 0 beside a split is no contradiction: LangChain reports so.

    Raises:
        Unreadable: the split is more than its total.
    """
    split = {CACHE_WRITE_5M: five_minutes, CACHE_WRITE_1H: one_hour}
    writes = {kind: count for kind, count in split.items() if count is not None}
    if total is None:
        return writes
    told = sum(writes.values())
    rest = difference(total or told, told)
    if rest or not writes:
        writes[CACHE_WRITE] = rest
    return writes


def split(kind: str, total: int, parts: Mapping[str, int]) -> dict[str, int]:
    """A count by modality; the kind itself is what is left.

    Raises:
        Unreadable: the parts are more than the total.
    """
    return {kind: difference(total, *parts.values()), **{f"{kind}_{name}": part for name, part in parts.items()}}


def prompt_kinds(
    total: int,
    parts: Mapping[str, int],
    *,
    cached: int | None,
    cached_parts: Mapping[str, int],
    writes: Mapping[str, int],
) -> dict[str, int]:
    """A prompt that includes what was cached, as kinds, each modality for itself.

    Cached tokens whose modality is not told (OpenAI's) count as text. Where they cannot all be text, the modality of
    the rest is unknown as well, and it is not split.

    Raises:
        Unreadable: the parts are more than the prompt.
    """
    difference(total, *parts.values())
    tokens = {} if cached is None else split(CACHE_READ, cached, cached_parts)
    tokens.update(writes)
    rest = difference(total, *tokens.values())
    fresh = {name: difference(part, cached_parts.get(name, 0)) for name, part in parts.items()}
    is_untold = bool(cached) and not cached_parts and sum(fresh.values()) > rest
    return tokens | split(INPUT_UNCACHED, rest, {} if is_untold else {name: n for name, n in fresh.items() if n})
