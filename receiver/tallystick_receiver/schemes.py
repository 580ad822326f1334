"""How the price of a metric is looked up: which dimensions choose it, and what stands in for what is not there.

Every metric has a scheme. That of most is plain: a rate names whatever dimensions it likes. Those of tokens say a few
things more, as values of the same type; nothing else in the receiver knows that tokens are special.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from tallystick.llm import kinds

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """What is known of the prices of one metric.

    Attributes:
        unit: of the rates that do not say theirs.
        per_units: of the rates that do not say theirs.
        is_expected: whether usage without a rate is missing in the sum; else it is not for pricing until it has rates.
        names: short names of dimensions in the API, in CSV files and in reports.
        kind: the dimension that splits one price list entry into its rows.
        dated: dimensions whose values may bear a date (`-20250929`) that price lists leave out.
        defaults: what usage and rates mean that do not name a dimension.
        variants: dimensions by which one entry has several prices. Where an entry names the value of the usage, its
            rows that do not name it are no price for that usage: nothing falls back to them silently.
        bands: variants whose rates name a threshold (`>200000`), and whose usage names a band of lengths.
        stand_ins: kinds whose rate counts where that of another is missing, in order.
    """

    unit: str | None = None
    per_units: int = 1
    is_expected: bool = False
    names: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    kind: str | None = None
    dated: tuple[str, ...] = ()
    defaults: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    variants: tuple[str, ...] = ()
    bands: tuple[str, ...] = ()
    stand_ins: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def keys(self) -> tuple[str, ...]:
        """Dimensions that rates name by their short names."""
        return tuple(self.names.values())


_MODEL: Final = {"provider": kinds.PROVIDER, "model": kinds.MODEL}
_GENERAL: Final = {kinds.CACHE_WRITE_5M: kinds.CACHE_WRITE, kinds.CACHE_WRITE_1H: kinds.CACHE_WRITE}
"""A price for writing to a cache, whatever its lifetime, is nearer than that of input."""
_OF_AUDIO: Final = {kinds.CACHE_READ_AUDIO: kinds.INPUT_UNCACHED_AUDIO}


def _stand_ins() -> dict[str, tuple[str, ...]]:
    """For each kind whose rates count where its own is missing, nearest first."""
    fallbacks = kinds.RATE_FALLBACK | _OF_AUDIO
    found: dict[str, tuple[str, ...]] = {}
    for kind in kinds.TOKEN_KINDS:
        chain = [_GENERAL[kind]] if kind in _GENERAL else []
        following = fallbacks.get(kind)
        while following is not None:
            chain.append(following)
            following = fallbacks.get(following)
        if chain:
            found[kind] = tuple(chain)
    return found


_PLAIN: Final = Scheme()
_SCHEMES: Final[Mapping[str, Scheme]] = MappingProxyType({
    kinds.TOKENS: Scheme(
        unit=kinds.TOKENS_UNIT, per_units=1_000_000, is_expected=True,
        names=MappingProxyType({
            **_MODEL, "kind": kinds.TOKEN_KIND, "tier": kinds.SERVICE_TIER, "contextBand": kinds.CONTEXT_BAND,
            "region": kinds.REGION,
        }),
        kind=kinds.TOKEN_KIND, dated=(kinds.MODEL,), defaults=MappingProxyType({kinds.SERVICE_TIER: kinds.STANDARD}),
        variants=(kinds.SERVICE_TIER, kinds.CONTEXT_BAND, kinds.REGION), bands=(kinds.CONTEXT_BAND,),
        stand_ins=MappingProxyType(_stand_ins()),
    ),
    kinds.UNITS: Scheme(
        unit=kinds.UNITS_UNIT, is_expected=True, dated=(kinds.MODEL,), kind=kinds.UNIT_KIND,
        names=MappingProxyType({**_MODEL, "kind": kinds.UNIT_KIND, "tier": kinds.SERVICE_TIER, "region": kinds.REGION}),
    ),
    kinds.REQUESTS: Scheme(
        unit=kinds.REQUESTS_UNIT, dated=(kinds.MODEL,),
        names=MappingProxyType({**_MODEL, "tier": kinds.SERVICE_TIER, "region": kinds.REGION}),
    ),
})  # fmt: skip


def scheme_of(metric: str) -> Scheme:
    """The scheme of a metric's key."""
    return _SCHEMES.get(metric, _PLAIN)


def expected_metrics() -> tuple[str, ...]:
    """Metrics whose usage is always priced, or listed as unpriced."""
    return tuple(key for key, scheme in _SCHEMES.items() if scheme.is_expected)
