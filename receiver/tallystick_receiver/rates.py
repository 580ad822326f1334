"""What a unit costs, from when to when, and what was known of it when: rates, factors on them, and other names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Context, Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Final

from tallystick.llm.kinds import context_band_of
from tallystick_receiver.ranges import HOUR, floor
from tallystick_receiver.schemes import Scheme
from tallystick_receiver.week import WeekHours, hour_of_week

PRICE_DIGITS: Final = 40
"""Digits of the price of one unit where it is no finite decimal (0.0043 a minute, of seconds): the only rounding."""
_WIDE: Final = Context(prec=500)
_NARROW: Final = Context(prec=PRICE_DIGITS)
_BAND: Final = re.compile(r">(\d{1,12})")


class Layer(StrEnum):
    """What a factor stands for; each layer begins with what the one before it comes to."""

    LIST = "list"
    CONTRACT = "contract"
    RESALE = "resale"


class Match(StrEnum):
    """How an alias is compared, always with the whole value or from its beginning."""

    EXACT = "exact"
    PREFIX = "prefix"
    REGEX = "regex"


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open time of full hours; None: without a bound."""

    start: datetime | None
    end: datetime | None

    def holds(self, time: datetime) -> bool:
        """Whether a time lies in it."""
        return (self.start is None or self.start <= time) and (self.end is None or time < self.end)


def snapped(start: datetime | None, end: datetime | None) -> Span:
    """The hours of two times: prices change at full hours, since usage is priced by the hour.

    Raises:
        ValueError: nothing is left of it.
    """
    span = Span(None if start is None else floor(start, HOUR), None if end is None else floor(end, HOUR))
    if span.start is not None and span.end is not None and span.start >= span.end:
        raise ValueError("it must begin at an earlier hour than it ends")
    return span


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What all rows of the rate tables have.

    Attributes:
        org: whose; None for all organisations.
        valid: when it applies.
        recorded_at: when it became known.
        voided_at: when it was known to be wrong; None while it counts.
    """

    id: str
    org: str | None
    valid: Span
    note: str
    recorded_at: datetime
    voided_at: datetime | None

    def is_known(self, at: datetime) -> bool:
        """Whether it counted at a time."""
        return self.recorded_at <= at and (self.voided_at is None or at < self.voided_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sourced(Record):
    """A row that says where it comes from."""

    source_url: str
    checked_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate(Sourced):
    """The price of some usage of a metric.

    Attributes:
        unit: of the metric; usage in another unit is not meant.
        selector: dimension -> value, or a threshold (`>200000`) of a band.
        price: of `per_units` units, as published.
        week: hours of the week in UTC.
    """

    metric: str
    unit: str
    selector: Mapping[str, str]
    price: Decimal
    per_units: Decimal
    currency: str
    week: WeekHours

    def applies(self, time: datetime) -> bool:
        """Whether it holds in the hour that begins at a time."""
        return self.valid.holds(time) and (self.week.is_whole or hour_of_week(time) in self.week)


@dataclass(frozen=True, slots=True, kw_only=True)
class Modifier(Sourced):
    """A factor on rates.

    Attributes:
        metric: a key, or a prefix that ends in *.
        selector: which usage, as of a rate.
    """

    layer: Layer
    metric: str
    selector: Mapping[str, str]
    factor: Decimal

    def concerns(self, metric: str) -> bool:
        """Whether it is about this metric."""
        return metric.startswith(self.metric[:-1]) if self.metric.endswith("*") else metric == self.metric


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias(Record):
    """Another name of a dimension's value.

    Attributes:
        selector: values that other dimensions must have.
        value: by which rates name it.
        priority: of several that match the highest counts.
    """

    dimension: str
    match: Match
    pattern: str
    selector: Mapping[str, str]
    value: str
    priority: int

    def names(self, value: str) -> bool:
        """Whether a value is called so."""
        if self.match is Match.EXACT:
            return value == self.pattern
        if self.match is Match.PREFIX:
            return value.startswith(self.pattern)
        return re.fullmatch(self.pattern, value) is not None


def selects(selector: Mapping[str, str], attributes: Mapping[str, str], scheme: Scheme) -> bool | None:
    """Whether usage with these attributes is meant; None where its band lies across the rate's threshold."""
    is_sure = True
    for dimension, wanted in selector.items():
        value = attributes.get(dimension)
        if dimension in scheme.bands:
            above = is_above(value, threshold_of(wanted))
            if above is False:
                return False
            is_sure = is_sure and above is not None
        elif value != wanted:
            return False
    return True if is_sure else None


def threshold_of(text: str) -> int:
    """The threshold of a band that a rate names.

    Raises:
        ValueError: it is none.
    """
    found = _BAND.fullmatch(text)
    if found is None:
        raise ValueError(f"a rate's context band must be like >200000, not {text[:60]!r}")
    return int(found[1])


def is_above(band: str | None, threshold: int) -> bool | None:
    """Whether usage of a band is above a threshold; of unknown length it is not, of a band that lies across None."""
    if band is None:
        return False
    try:
        return context_band_of(band).is_above(threshold)
    except ValueError:
        return None


def unit_price(price: Decimal, factors: Fraction, per_units: Decimal) -> Decimal:
    """The exact price of one unit; where it is no finite decimal, rounded half even to PRICE_DIGITS."""
    exact = Fraction(price) * factors / Fraction(per_units)
    rest = exact.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    context = _WIDE if rest == 1 else _NARROW
    found = context.divide(Decimal(exact.numerator), Decimal(exact.denominator))
    return found.normalize(context) if found else Decimal(0)


def product(modifiers: list[Modifier]) -> Fraction:
    """The exact product of factors."""
    found = Fraction(1)
    for modifier in modifiers:
        found *= Fraction(modifier.factor)
    return found


_UNBOUNDED: Final = re.compile(r"[*+]|\{\d+,\}")
_SIMPLE: Final = re.compile(
    r"(?:\(\?:|[(|)]|(?:\\[dwsDWS.\-+*?()\[\]{}|^$/\\:@]|\[\^?(?:\\[dws\-\]\\]|[^\]\\\[])+\]|[^\\()|*+?{}\[\]])"
    r"(?:[*+?]|\{\d{1,3}(?:,\d{0,3})?\})?)*"
)
_PATTERN_MAX: Final = 200
_UNBOUNDED_MAX: Final = 3


def checked_pattern(pattern: str) -> str:
    """A regular expression that cannot take long: repetitions of single characters only, three without an end.

    Raises:
        ValueError: it is none of these.
    """
    sentence = (
        f"pattern must be a regular expression of at most {_PATTERN_MAX} characters without repeated groups,"
        f" look-arounds and back-references, with at most {_UNBOUNDED_MAX} of * and +; it stands for the whole value"
    )
    if len(pattern) > _PATTERN_MAX or not _SIMPLE.fullmatch(pattern):
        raise ValueError(sentence)
    if len(_UNBOUNDED.findall(re.sub(r"\\.|\[[^\]]*\]", "x", pattern))) > _UNBOUNDED_MAX:
        raise ValueError(sentence)
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"pattern is no regular expression: {error}") from None
    return pattern


_DATED: Final = re.compile(r"(.+?)[-@](20\d{2})-?(\d{2})-?(\d{2})")


def without_date(name: str) -> str | None:
    """The name of a dated snapshot without its date (`claude-sonnet-4-5-20250929`); None where there is none."""
    found = _DATED.fullmatch(name)
    if found is None:
        return None
    try:
        date(*map(int, found.groups()[1:]))
    except ValueError:
        return None
    return found[1]


def hours_within(start: datetime, end: datetime) -> list[datetime]:
    """The hours that begin within a time."""
    return [start + timedelta(hours=n) for n in range(int((end - start) / HOUR))]
