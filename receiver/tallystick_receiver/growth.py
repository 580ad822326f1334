"""By how much an organisation's usage can have grown since its thresholds were looked at, at most.

Usage that only adds up cannot bring any subject to a level before the whole organisation has grown by what the nearest
level lacks. What waits in usage_delta, and what left it, is known without looking at single subjects, so most rounds of
the evaluator have nothing to read. Whatever does not only add up (levels, corrections, changed thresholds) is unknown,
and has the organisation looked at.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Context, Decimal
from typing import Final

from tallystick_receiver.definitions import Aggregation

_WIDE: Final = Context(prec=2000)
_NOTHING: Final = Decimal(0)
_FULL: Final = Decimal(100)
Quarter = tuple[int, datetime]
"""(organisation's id, quarter of an hour)"""


def room(aggregation: Aggregation, used: Decimal | None, amount: Decimal, levels: Iterable[int]) -> Decimal | None:
    """What the next level lacks; 0 where usage does not only add up to it, None where there is no further level.

    Args:
        aggregation: how the metric is read.
        used: so much is used; None where it is unknown.
        amount: 100 percent.
        levels: in percent.
    """
    if aggregation is not Aggregation.SUM or used is None:
        return _NOTHING
    at = (_WIDE.divide(_WIDE.multiply(amount, Decimal(level)), _FULL) for level in levels)
    return min((_WIDE.subtract(reached, used) for reached in at if reached > used), default=None)


class Growth:
    """What one leader remembers of all organisations with thresholds."""

    def __init__(self) -> None:
        self._grown: dict[int, Decimal] = defaultdict(Decimal)
        self._waiting: dict[int, Decimal | None] = {}
        self._reached_at: dict[int, dict[datetime, Decimal | None]] = defaultdict(dict)
        self.snapshot: str | None = None

    def advance(
        self, snapshot: str, left: Iterable[tuple[int, Decimal | None]], waiting: Iterable[tuple[int, Decimal | None]],
        *, is_all: bool,
    ) -> None:  # fmt: skip
        """Go on to the next snapshot.

        Args:
            snapshot: its name.
            left: what left usage_delta since the last one, by organisation. None is unknown, here and below.
            waiting: what waits there now, or what is new of it.
            is_all: which of them; after something left it is all.
        """
        gone, there = _by_org(left), _by_org(waiting)
        for org in gone.keys() | there.keys() | (self._waiting.keys() if is_all else set()):
            before = self._waiting.get(org, _NOTHING)
            if not is_all:
                there[org] = total(before, there[org])
            after = total(there.get(org, _NOTHING), gone.get(org, _NOTHING))
            if after is None or before is None or after < before:
                self._reached_at.pop(org, None)
            else:
                self._grown[org] = _WIDE.add(self._grown[org], _WIDE.subtract(after, before))
        self._waiting = there if is_all else self._waiting | there
        self.snapshot = snapshot

    def may_reach(self, quarter: Quarter) -> bool:
        """Whether a level of a period with this quarter of an hour may have been reached since it was looked at."""
        org, time = quarter
        found = self._reached_at.get(org, {})
        if time not in found:
            return True
        at = found[time]
        return at is not None and self._grown[org] >= at

    def looked(self, quarters: Mapping[Quarter, Decimal | None]) -> None:
        """Remember what is lacking in these quarters' periods; None where no further level is."""
        for (org, time), lacking in quarters.items():
            self._reached_at[org][time] = None if lacking is None else _WIDE.add(self._grown[org], lacking)


def _by_org(amounts: Iterable[tuple[int, Decimal | None]]) -> dict[int, Decimal | None]:
    found: dict[int, Decimal | None] = {}
    for org, amount in amounts:
        found[org] = total(found.get(org, _NOTHING), amount)
    return found


def total(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    """Both together; unknown where one of them is."""
    return None if one is None or other is None else _WIDE.add(one, other)
