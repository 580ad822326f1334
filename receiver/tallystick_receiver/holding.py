"""How long a sample of a level holds, what must be read to know it, and what follows: integral and average over time.

A sample of value v at time t says v for (t, end], where the end is the time of the next sample of the same set of
dimensions, t plus the longest hold, or now, whichever comes first. Of several samples at one time the greatest holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from typing import Final

from tallystick_receiver.ranges import DAY, QUARTER, Range, WholeDays, ceiling, floor, outside

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_WIDE: Final = Context(prec=2000)
"""Decimal's own operators round to 28 digits; integrals of 64-bit mantissas have more."""
AVERAGE_DECIMALS: Final = 9
_LAST_DECIMAL: Final = Decimal(1).scaleb(-AVERAGE_DECIMALS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """How long samples hold.

    Attributes:
        seconds: the longest time; at least a quarter of an hour, so that quarters can be integrated without it.
        now_ns: what comes after is not covered.
    """

    seconds: int
    now_ns: int

    @property
    def ns(self) -> int:
        """The longest time in nanoseconds."""
        return self.seconds * 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRanges:
    """Half-open ranges in UTC by where samples are read, those that hold into the window included.

    Attributes:
        points: ragged quarters of an hour, from their begin on; at most two.
        quarters: rollups and deltas; at most two.
        whole: of these, days in UTC that are over and may be read as such; empty where there are none.
        days: rollups whose last samples may hold over the time from which on quarters are kept.
    """

    points: list[Range]
    quarters: list[Range]
    whole: Range
    days: Range

    @property
    def ragged(self) -> list[Range]:
        """Quarters that are in no whole day."""
        return outside(self.quarters, self.whole)


def hold_ranges(
    start: datetime, end: datetime, hold: Hold, quarters_from: datetime, whole: WholeDays | None = None
) -> HoldRanges:
    """What must be read to integrate [start, end).

    Args:
        start: an aware time.
        end: an aware time after it.
        hold: how long samples hold.
        quarters_from: a midnight in UTC; older quarters are gone.
        whole: the days of the window that may be read as such; None: none.
    """
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    back = timedelta(seconds=hold.seconds)
    first, lower, upper = floor(start, QUARTER), ceiling(start, QUARTER), floor(end, QUARTER)
    points = [(first, min(lower, end)), (max(lower, upper), end)] if first < start else [(upper, end)]
    quarters = [(floor(start - back, QUARTER), first), (lower, upper)]
    if first == start:
        quarters = [(quarters[0][0], max(upper, first))]
    now = _EPOCH + timedelta(microseconds=hold.now_ns // 1000)
    return HoldRanges(
        whole=(start, start) if whole is None else whole.within(quarters_from, floor(now, DAY)),
        points=[(a, b) for a, b in points if a < b], quarters=[(a, b) for a, b in quarters if a < b],
        days=(floor(max(start, quarters_from) - back, DAY), quarters_from),
    )  # fmt: skip


def ns_of(time: datetime) -> int:
    """Nanoseconds since 1970."""
    return (time - _EPOCH) // _MICROSECOND * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelFigures:
    """What a level adds to a row.

    Attributes:
        lowest, highest: of single samples; None where no sample fell into the row's period.
        integral: in the level's unit times nanoseconds, summed over the sets of dimensions; None where the quarters
            of an hour that it needs were dropped.
        covered_ns: how long a sample of any of the sets held; None with the integral.
    """

    lowest: Decimal | None
    highest: Decimal | None
    integral: Decimal | None
    covered_ns: int | None

    @property
    def integral_seconds(self) -> Decimal | None:
        """The integral in the level's unit times seconds, exact."""
        return None if self.integral is None else _WIDE.scaleb(self.integral, -9)

    @property
    def covered_seconds(self) -> Decimal | None:
        """Seconds, exact."""
        return None if self.covered_ns is None else _WIDE.scaleb(Decimal(self.covered_ns), -9)

    @property
    def average(self) -> Decimal | None:
        """The integral over the covered time, to nine decimals, half to even; None where nothing is covered."""
        if self.integral is None or not self.covered_ns:
            return None
        return _WIDE.divide(self.integral, Decimal(self.covered_ns)).quantize(_LAST_DECIMAL, context=_WIDE)


def integral_unit(unit: str) -> str:
    """The UCUM unit of a level's integral: By becomes By.s."""
    return f"{unit}.s" if unit not in ("", "1") else "s"
