"""How cost goes from one day, week or month to the next, and whether that is a trend. Pure and exact."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Final

from tallystick_receiver.costs import WIDE
from tallystick_receiver.question import Question

R2_MIN: Final = Fraction(3, 10)
"""Below this a straight line explains too little to be called a trend."""
POINTS_MIN: Final = 3
_PLACES: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Ordinary least squares through equidistant values.

    Attributes:
        slope: change from one value to the next.
        mean: of the values.
        r2: the share of their variation that the line explains; None where there is no variation.
    """

    slope: Fraction
    mean: Fraction
    r2: Fraction | None

    @property
    def direction(self) -> str | None:
        """Up or down; None where that would be a guess."""
        if self.r2 is None or self.r2 < R2_MIN or not self.slope:
            return None
        return "up" if self.slope > 0 else "down"


def line_through(values: Sequence[Decimal]) -> Line | None:
    """A straight line, exactly; None through fewer than three values."""
    n = len(values)
    if n < POINTS_MIN:
        return None
    exact = [Fraction(value) for value in values]
    x, y = Fraction(n * (n - 1), 2), sum(exact, Fraction())
    sxx = n * Fraction((n - 1) * n * (2 * n - 1), 6) - x * x
    sxy = n * sum((at * value for at, value in enumerate(exact)), Fraction()) - x * y
    syy = n * sum((value * value for value in exact), Fraction()) - y * y
    return Line(slope=sxy / sxx, mean=y / n, r2=sxy * sxy / (sxx * syy) if syy else None)


def buckets_of(question: Question) -> Iterator[tuple[datetime, datetime]]:
    """Local days, weeks or months that a window touches: begin and end of each, in UTC.

    Args:
        question: by one of these units.
    """
    local = question.start.astimezone(question.zone)
    first = datetime(local.year, local.month, local.day, tzinfo=question.zone)
    if question.unit == "week":
        first -= timedelta(days=first.weekday())
    elif question.unit == "month":
        first = first.replace(day=1)
    while first.astimezone(UTC) < question.end:
        following = _following(first, question.unit)
        yield first.astimezone(UTC), following.astimezone(UTC)
        first = following


def _following(local: datetime, unit: str | None) -> datetime:
    """The next local midnight that begins one; adding days to a local time keeps it local."""
    if unit == "month":
        return (local + timedelta(days=32)).replace(day=1)
    return local + timedelta(days=7 if unit == "week" else 1)


def rounded(number: Fraction) -> Decimal:
    """A decimal of six places, half to even."""
    return Decimal(round(number * 10**_PLACES)).scaleb(-_PLACES, WIDE)
