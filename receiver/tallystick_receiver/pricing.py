"""Which price holds for which usage, and when: a book of rates and a key in, segments of one tariff each out. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import Final, NamedTuple

from tallystick_receiver.rates import (
    Alias,
    Layer,
    Match,
    Modifier,
    Rate,
    Record,
    hours_within,
    product,
    selects,
    threshold_of,
    unit_price,
    without_date,
)
from tallystick_receiver.schemes import Scheme, scheme_of


class State(StrEnum):
    """Whether usage has a price, and why not."""

    PRICED = "priced"
    UNPRICED = "unpriced"
    """No rate is known of it at all: a model that nobody has entered, or not for that time."""
    KIND_UNPRICED = "kind_unpriced"
    """The model has rates, and none for this kind, nor for one that stands in for it."""
    TIER_UNPRICED = "tier_unpriced"
    """There are rates, of other service tiers only."""
    BAND_UNPRICED = "context_band_unpriced"
    """Prompts of this length have prices of their own, and this kind has none; or its band lies across a threshold."""
    SUPERSEDED = "superseded"
    """The same sender counted it in a better way, too."""


NOTE_STAND_IN: Final = "rate_of:"
"""Before the kind whose rate stood in."""
NOTE_BAND_ASSUMED: Final = "context_band_assumed"
"""Nobody said how long the prompts were, so they count as short, though long ones have a price of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What a price is looked up by.

    Attributes:
        attributes: the dimensions that rates may name, with the scheme's defaults.
    """

    metric: str
    unit: str
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """What one unit costs, and why; prices are exact and None where there is none.

    Attributes:
        list_price: the rate, and what is published besides it.
        price: with what is agreed with the provider.
        billed_price: with what is charged on.
        resolved: dimensions whose value was found under another name.
        notes: what was assumed.
    """

    state: State
    rate_id: str | None = None
    modifier_ids: tuple[str, ...] = ()
    currency: str | None = None
    list_price: Decimal | None = None
    price: Decimal | None = None
    billed_price: Decimal | None = None
    resolved: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


SUPERSEDED: Final = Tariff(state=State.SUPERSEDED)


class Segment(NamedTuple):
    """A half-open time of full hours, and what holds in it."""

    start: datetime
    end: datetime
    tariff: Tariff


@dataclass(frozen=True, slots=True, kw_only=True)
class RateBook:
    """Everything that is known of prices at one time.

    Args:
        rates, modifiers, aliases: those that count, of all organisations.
    """

    rates: Sequence[Rate]
    modifiers: Sequence[Modifier]
    aliases: Sequence[Alias]
    _by_value: dict[tuple[str, str, str | None], list[Rate]] = field(
        init=False, default_factory=lambda: defaultdict(list)
    )  # fmt: skip

    def __post_init__(self) -> None:
        for rate in self.rates:
            self._by_value[rate.metric, rate.unit, _indexed(rate.selector, rate.metric)].append(rate)

    def dimensions(self, metric: str) -> frozenset[str]:
        """Every dimension that the prices of a metric depend on, apart from those that its scheme names."""
        of_rates = {name for rate in self.rates if rate.metric == metric for name in rate.selector}
        of_others = {name for m in self.modifiers if m.concerns(metric) for name in m.selector}
        of_aliases = {name for alias in self.aliases for name in alias.selector} if of_rates else set()
        return frozenset(of_rates | of_others | of_aliases)

    def metrics(self) -> frozenset[str]:
        """Metrics that have rates."""
        return frozenset(rate.metric for rate in self.rates)

    def segments(self, org: str, key: Key, start: datetime, end: datetime) -> list[Segment]:
        """What an organisation's usage costs between two full hours: segments that cover them without a gap."""
        seen = [alias for alias in self.aliases if alias.org in (None, org)]
        found: list[Segment] = []
        for lower, upper in _cut(start, end, seen):
            resolved = self._resolved(org, key, [alias for alias in seen if alias.valid.holds(lower)])
            attributes = {**key.attributes, **resolved}
            near = self._near(org, key, attributes)
            modifiers = [
                m for m in self.modifiers if m.org in (None, org) and m.concerns(key.metric)
                and selects(m.selector, attributes, scheme_of(key.metric))
            ]  # fmt: skip
            changed = {name: value for name, value in resolved.items() if key.attributes.get(name) != value}
            look = _Look(key=key, attributes=attributes, resolved=changed, org=org)
            for first, last in _cut(lower, upper, [*near, *modifiers], by_hour=not all(r.week.is_whole for r in near)):
                tariff = look.tariff([rate for rate in near if rate.applies(first)], modifiers, first)
                if found and found[-1].tariff == tariff and found[-1].end == first:
                    found[-1] = found[-1]._replace(end=last)
                else:
                    found.append(Segment(first, last, tariff))
        return found

    def _near(self, org: str, key: Key, attributes: Mapping[str, str]) -> list[Rate]:
        """Rates of the same thing, whatever its kind, its variant and the time."""
        scheme = scheme_of(key.metric)
        free = {scheme.kind, *scheme.variants}
        value = _indexed(attributes, key.metric)
        return [
            rate
            for place in ({value, None} if value is not None else {None})
            for rate in self._by_value.get((key.metric, key.unit, place), ())
            if rate.org in (None, org)
            and all(attributes.get(name) == wanted for name, wanted in rate.selector.items() if name not in free)
        ]

    def _resolved(self, org: str, key: Key, aliases: list[Alias]) -> dict[str, str]:
        """Values of dimensions by the names that rates use."""
        scheme = scheme_of(key.metric)
        found: dict[str, str] = {}
        for dimension in dict.fromkeys((*scheme.keys, *sorted(alias.dimension for alias in aliases))):
            value = key.attributes.get(dimension)
            if value is None:
                continue
            attributes = {**key.attributes, **found}
            fitting = [
                alias for alias in aliases if alias.dimension == dimension and alias.names(value)
                and selects(alias.selector, attributes, scheme)
            ]  # fmt: skip
            exact = [alias for alias in fitting if alias.match is Match.EXACT]
            if exact or (fitting and not self._is_rated(org, key, dimension, value, attributes)):
                found[dimension] = max(exact or fitting, key=_alias_rank).value
            elif dimension in scheme.dated and not self._is_rated(org, key, dimension, value, attributes):
                undated = without_date(value)
                if undated is not None:
                    named = {**attributes, dimension: undated}
                    if self._is_rated(org, key, dimension, undated, named):
                        found[dimension] = undated
        return found

    def _is_rated(self, org: str, key: Key, dimension: str, value: str, attributes: Mapping[str, str]) -> bool:
        """Whether any rate, at whatever time, names this value."""
        return any(
            rate.selector.get(dimension) == value for rate in self._near(org, key, {**attributes, dimension: value})
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """One look-up: a key with its names resolved."""

    key: Key
    attributes: Mapping[str, str]
    resolved: Mapping[str, str]
    org: str

    def tariff(self, near: list[Rate], modifiers: list[Modifier], time: datetime) -> Tariff:
        """What holds in an hour.

        Args:
            near: rates of the same thing, of any kind and variant, that apply in that hour.
            modifiers: factors on this key, at whatever time.
            time: when the hour begins.
        """
        scheme = scheme_of(self.key.metric)
        names = tuple(sorted(self.resolved.items()))
        of_variant, is_across = self._of_variant(near, scheme)
        if is_across:
            return Tariff(state=State.BAND_UNPRICED, resolved=names)
        kind = self.attributes.get(scheme.kind) if scheme.kind else None
        for candidate in (kind, *(scheme.stand_ins.get(kind, ()) if kind else ())):
            fitting = [r for r in of_variant if scheme.kind is None or r.selector.get(scheme.kind) in (None, candidate)]
            if fitting:
                best = max(fitting, key=lambda rate: _rank(rate, scheme))
                notes = [] if candidate == kind else [NOTE_STAND_IN + str(candidate)]
                if self._is_band_assumed(near, best, scheme):
                    notes.append(NOTE_BAND_ASSUMED)
                return _priced(best, _applied(modifiers, best, scheme, time), names, tuple(notes))
        return Tariff(state=self._why_not(near, of_variant, scheme), resolved=names)

    def _of_variant(self, near: list[Rate], scheme: Scheme) -> tuple[list[Rate], bool]:
        """Rates of the variant that was used, and whether a band lies across the threshold of one."""
        attributes = dict(self.attributes)
        judged = [(rate, selects(_variant(rate, scheme), attributes, scheme)) for rate in near]
        fitting = [rate for rate, fits in judged if fits]
        for dimension in scheme.variants:
            naming = {_entry(rate, scheme) for rate in fitting if dimension in rate.selector}
            fitting = [r for r in fitting if dimension in r.selector or _entry(r, scheme) not in naming]
        for dimension in scheme.bands:
            highest: dict[object, int] = {}
            for rate in fitting:
                entry, threshold = _entry(rate, scheme), _threshold(rate, dimension)
                highest[entry] = max(highest.get(entry, -1), threshold)
            fitting = [r for r in fitting if _threshold(r, dimension) == highest[_entry(r, scheme)]]
        return fitting, any(fits is None for _, fits in judged)

    def _is_band_assumed(self, near: list[Rate], best: Rate, scheme: Scheme) -> bool:
        return any(
            dimension not in self.attributes and any(dimension in rate.selector for rate in near
                                                     if _same_kind(rate, best, scheme))
            for dimension in scheme.bands
        )  # fmt: skip

    def _why_not(self, near: list[Rate], of_variant: list[Rate], scheme: Scheme) -> State:
        if not near:
            return State.UNPRICED
        kind = self.attributes.get(scheme.kind) if scheme.kind else None
        same_kind = [r for r in near if scheme.kind is None or r.selector.get(scheme.kind) in (None, kind)]
        for dimension in scheme.variants:
            wanted = self.attributes.get(dimension)
            if dimension in scheme.bands:
                if same_kind and any(dimension in rate.selector for rate in of_variant):
                    return State.BAND_UNPRICED
            elif dimension in scheme.defaults and not any(
                r.selector.get(dimension) in (None, wanted) for r in (same_kind or near)
            ):
                return State.TIER_UNPRICED
        return State.KIND_UNPRICED if scheme.kind else State.UNPRICED


def _same_kind(rate: Rate, best: Rate, scheme: Scheme) -> bool:
    return scheme.kind is None or rate.selector.get(scheme.kind) == best.selector.get(scheme.kind)


def _indexed(attributes: Mapping[str, str], metric: str) -> str | None:
    """The value that rates of a metric differ by most: where there are thousands, few are looked at."""
    scheme = scheme_of(metric)
    return attributes.get(scheme.dated[0]) if scheme.dated else None


def _variant(rate: Rate, scheme: Scheme) -> dict[str, str]:
    return {name: value for name, value in rate.selector.items() if name in scheme.variants}


def _entry(rate: Rate, scheme: Scheme) -> object:
    """What the rows of one entry of a price list have in common."""
    free = {scheme.kind, *scheme.variants}
    return rate.org, frozenset(pair for pair in rate.selector.items() if pair[0] not in free)


def _threshold(rate: Rate, dimension: str) -> int:
    return threshold_of(rate.selector[dimension]) if dimension in rate.selector else -1


def _rank(rate: Rate, scheme: Scheme) -> tuple[object, ...]:
    """Of several rates the highest counts: an organisation's own, then what names most, then by the names."""
    thresholds = tuple(_threshold(rate, dimension) for dimension in scheme.bands)
    return rate.org is not None, len(rate.selector), thresholds, not rate.week.is_whole, sorted(rate.selector), rate.id


def _alias_rank(alias: Alias) -> tuple[object, ...]:
    """Of several aliases: the organisation's own, the highest priority, exact before prefix and regex, the longest."""
    exactness = {Match.EXACT: 2, Match.PREFIX: 1, Match.REGEX: 0}[alias.match]
    return (
        alias.org is not None,
        alias.priority,
        exactness,
        len(alias.selector),
        len(alias.pattern),
        alias.pattern,
        alias.id,
    )


def _applied(modifiers: Iterable[Modifier], rate: Rate, scheme: Scheme, time: datetime) -> list[Modifier]:
    """Factors on a rate: an organisation's own one counts instead of the same for all.

    What is published for a variant is no factor on a rate that names that variant itself.
    """
    valid = [m for m in modifiers if m.valid.holds(time)]
    own = {_subject(m) for m in valid if m.org is not None}
    return sorted(
        (
            m for m in valid if (m.org is not None or _subject(m) not in own)
            and not (m.layer is Layer.LIST and any(n in scheme.variants and n in rate.selector for n in m.selector
                                                   if n not in scheme.defaults))
        ),
        key=lambda m: (list(Layer).index(m.layer), m.id),
    )  # fmt: skip


def _subject(modifier: Modifier) -> object:
    return modifier.layer, modifier.metric, frozenset(modifier.selector.items())


def _priced(
    rate: Rate, modifiers: list[Modifier], names: tuple[tuple[str, str], ...], notes: tuple[str, ...]
) -> Tariff:
    layers = {layer: product([m for m in modifiers if m.layer is layer]) for layer in Layer}
    listed = layers[Layer.LIST]
    agreed = listed * layers[Layer.CONTRACT]
    return Tariff(
        state=State.PRICED, rate_id=rate.id, modifier_ids=tuple(m.id for m in modifiers), currency=rate.currency,
        list_price=unit_price(rate.price, listed, rate.per_units), price=unit_price(rate.price, agreed, rate.per_units),
        billed_price=unit_price(rate.price, agreed * layers[Layer.RESALE], rate.per_units), resolved=names, notes=notes,
    )  # fmt: skip


def _cut(
    start: datetime, end: datetime, records: Iterable[Record], *, by_hour: bool = False
) -> Iterable[tuple[datetime, datetime]]:
    """A time in pieces within which none of these begins or ends."""
    bounds = {start, end}
    for record in records:
        bounds |= {b for b in (record.valid.start, record.valid.end) if b is not None and start < b < end}
    if by_hour:
        bounds |= set(hours_within(start, end))
    return pairwise(sorted(bounds))
