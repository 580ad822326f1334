"""How much of a total may leave in one collection without the SDK rounding or losing it."""

from __future__ import annotations

import math
from decimal import Decimal

from tallystick.semconv import INT64_MAX
from tallystick.validity import exact_sum


def portion(total: int | Decimal, sent: int) -> int | float | None:
    """What to add to the counter of a stream now; the rest waits for the next collection.

    The SDK adds what it gets. The sum of a collection interval must stay within 2^63-1, else the
    encoding of the whole batch fails; and a float must stay alone in its interval, for adding to
    it rounds.

    Args:
        total: what waits, not negative.
        sent: what the stream was given already in this interval.

    Returns:
        An int, or the largest float whose shortest decimal is at most the total, or None when
        nothing can leave now.
    """
    room = INT64_MAX - sent
    whole = int(total)
    if isinstance(total, int) or sent or total > room:
        taken = min(whole, room)
        return taken if taken or total == 0 else None
    return _float_at_most(total)


def _float_at_most(total: Decimal) -> float | None:
    number = float(total)
    while Decimal(repr(number)) > total:
        number = math.nextafter(number, 0.0)
    return number or None


def rest(total: int | Decimal, taken: float) -> int | Decimal:
    """The total without the portion, exactly."""
    return exact_sum(total, -taken if isinstance(taken, int) else -Decimal(repr(taken)))
