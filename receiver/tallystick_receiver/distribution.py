"""How cost is spread over those who cause it: percentiles, Lorenz points, Gini, the share of the top. Pure and exact.

Percentiles are nearest ranks: of n subjects in the order of their cost, the p-th is the one at place ceil(p * n), so
that at least p of them cost no more. It is a cost that somebody has, never a value in between. (numpy: `inverted_cdf`;
PostgreSQL: `percentile_disc`, without its floats.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from typing import Final

from tallystick_receiver.costs import WIDE, share

DECILES: Final = tuple(range(100, 1000, 100))
PERCENTILES: Final = (500, 900, 950, 990)
THOUSANDTHS: Final = tuple(sorted({*DECILES, *PERCENTILES}))
"""Of the subjects: where the order is read."""
_MEDIAN: Final = 500
_TIMES_MEDIAN: Final = 3
_QUOTIENT: Final = Context(prec=12)


@dataclass(frozen=True, slots=True)
class Mark:
    """What stands at one place of the order.

    Attributes:
        place: from 1, the cheapest, on.
        cost: of the subject there.
        running: of all subjects up to there.
    """

    place: int
    cost: Decimal
    running: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Costs of subjects in one currency, in their order.

    Attributes:
        subjects: how many there are, at least one.
        cost: of all of them.
        weighted: the sum of place times cost.
        top_1, top_10: what the costliest ceil(n / 100) and ceil(n / 10) cost together.
        below_top_5: the most that one costs who is not among the costliest ceil(n / 20); None of a single subject.
        marks: by thousandths of the subjects (THOUSANDTHS).
    """

    currency: str
    subjects: int
    cost: Decimal
    weighted: Decimal
    least: Decimal
    most: Decimal
    top_1: Decimal
    top_10: Decimal
    below_top_5: Decimal | None
    marks: Mapping[int, Mark]

    @property
    def mean(self) -> Decimal:
        """To twelve digits."""
        return per(self.cost, Decimal(self.subjects))

    @property
    def gini(self) -> Decimal | None:
        """0 when all cost the same, almost 1 when one costs everything; six decimals.

        None where nothing is spread: there is no cost, or somebody's is below zero.
        """
        if self.cost <= 0 or self.least < 0:
            return None
        n = self.subjects
        exact = Fraction(2) * Fraction(self.weighted) / (n * Fraction(self.cost)) - Fraction(n + 1, n)
        return Decimal(round(exact * 10**6)).scaleb(-6)

    def lorenz(self) -> list[tuple[Decimal, Decimal | None]]:
        """Points on the curve: which share of subjects, from the cheapest on, causes which share of the cost."""
        ends = [(Decimal(0), Decimal(0)), (Decimal(1), Decimal(1))]
        inner = [
            (share(Decimal(mark.place), Decimal(self.subjects)) or Decimal(0), share(mark.running, self.cost))
            for mark in (self.marks[k] for k in DECILES)
        ]
        return [ends[0], *inner, ends[1]]

    @property
    def outlier_above(self) -> Decimal | None:
        """Who costs more is an outlier: above the 95 % below and above three times the median; None of a single one.

        Either alone would flag somebody anywhere. Of few subjects it is not the 95th percentile that counts, since the
        costliest of fewer than twenty is that percentile, and could never be above it.
        """
        if self.below_top_5 is None:
            return None
        return max(self.below_top_5, WIDE.multiply(Decimal(_TIMES_MEDIAN), self.marks[_MEDIAN].cost))

    def is_outlier(self, cost: Decimal) -> bool:
        """Whether a subject that costs so much is one."""
        return self.outlier_above is not None and cost > self.outlier_above


def per(cost: Decimal, number: Decimal) -> Decimal:
    """A quotient to twelve digits, half to even; the number is not 0."""
    return _QUOTIENT.divide(cost, number)


def place_of(thousandths: int, subjects: int) -> int:
    """The place at which that many thousandths of the subjects are reached."""
    return max(1, -(-subjects * thousandths // 1000))
