"""What the days to come are like: weekday means of recent weeks, moved by half of their drift. Pure and exact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

RUN_RATE_BELOW: Final = 14
"""Days; with fewer the answer is their mean, and nothing is said of how wrong it may be."""
WEEKDAYS_FROM: Final = 28
"""Days; with fewer no weekday is told from another."""
_WEEK: Final = 7
_WEEKS_MAX: Final = 8
_WEEKS_MIN: Final = 3
_DAMPING: Final = Fraction(1, 2)
_HALF: Final = Fraction(1, 2)

Exact = int | Fraction


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line through weekly totals; r2 is the share of their variation that it explains, None of none."""

    slope: Fraction
    mean: Fraction
    r2: Fraction | None


def expected(days: Sequence[Exact | None], horizon: int) -> list[Fraction] | None:
    """What each of the next days will bring, in the unit of `days`; None where no day is known.

    Days before the first usage are no history: who began ten days ago is not diluted by zeros.
    """
    history = since_first(days)
    known = known_days(history)
    if not known:
        return None
    recent = history[-WEEKDAYS_FROM:]
    if known < WEEKDAYS_FROM or known_days(recent) < RUN_RATE_BELOW:
        latest = [quantity for quantity in history if quantity is not None][-WEEKDAYS_FROM:]
        return [_mean(latest)] * horizon
    usual = _mean([quantity for quantity in recent if quantity is not None])
    means = []
    for weekday in range(_WEEK):
        same = [quantity for quantity in recent[weekday::_WEEK] if quantity is not None]
        means.append(_mean(same) if same else usual)
    week = sum(means, Fraction())
    line = line_through(weeks_of(history))
    if line is None or not week or not line.slope:
        return [means[ahead % _WEEK] for ahead in range(horizon)]
    # The means stand for the middle of four weeks, 14 days before the first day ahead; a day's middle is half a day in.
    step = _DAMPING * line.slope / week / _WEEK
    middle = Fraction(WEEKDAYS_FROM, 2) + _HALF
    return [means[ahead % _WEEK] * max(1 + step * (middle + ahead), Fraction()) for ahead in range(horizon)]


def since_first(days: Sequence[Exact | None]) -> Sequence[Exact | None]:
    """Days from the first usage on."""
    first = next((index for index, quantity in enumerate(days) if quantity), len(days))
    return days[first:]


def known_days(days: Sequence[Exact | None]) -> int:
    """How many are not None; told by identity, since a fraction takes its time to say that it equals nothing else."""
    return sum(quantity is not None for quantity in days)


def _mean(quantities: Sequence[Exact]) -> Fraction:
    return Fraction(sum(quantities)) / len(quantities)


def weeks_of(days: Sequence[Exact | None]) -> list[tuple[int, Exact]]:
    """(weeks before the last, total) of the last whole weeks; one with an unknown day is left out, not guessed."""
    found = []
    for back in range(min(len(days) // _WEEK, _WEEKS_MAX)):
        end = len(days) - back * _WEEK
        week = [quantity for quantity in days[end - _WEEK : end] if quantity is not None]
        if len(week) == _WEEK:
            found.append((back, sum(week)))
    return found


def line_through(weeks: Sequence[tuple[int, Exact]]) -> Line | None:
    """Ordinary least squares through weekly totals, without a division before the last step; None with too few."""
    count = len(weeks)
    if count < _WEEKS_MIN:
        return None
    x, y = sum(-back for back, _ in weeks), sum(total for _, total in weeks)
    sxx = count * sum(back * back for back, _ in weeks) - x * x
    sxy = count * sum(-back * total for back, total in weeks) - x * y
    syy = count * sum(total * total for _, total in weeks) - y * y
    r2 = Fraction(sxy * sxy) / (sxx * syy) if syy else None
    return Line(Fraction(sxy) / sxx, Fraction(y) / count, r2)
