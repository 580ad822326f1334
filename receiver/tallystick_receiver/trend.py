"""How cost goes from one day, week or month to the next, and whether that is a trend. Pure and exact."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from tallystick_receiver.daily_pattern import Line, line_through
from tallystick_receiver.forecast import R2_MIN
from tallystick_receiver.question import Question


def line_of(costs: Sequence[Decimal]) -> Line | None:
    """A straight line through costs of buckets that follow each other; None through fewer than three."""
    last = len(costs) - 1
    return line_through([(last - at, Fraction(cost)) for at, cost in enumerate(costs)])


def direction_of(line: Line) -> str | None:
    """Up or down; None where that would be a guess."""
    if line.r2 is None or line.r2 < R2_MIN or not line.slope:
        return None
    return "up" if line.slope > 0 else "down"


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
