"""Collections end on the wall clock, so that none straddles an hour; pure, times in nanoseconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

HOUR_NS: Final = 3_600_000_000_000


@dataclass(frozen=True, slots=True)
class Span:
    """What a collection covers: after `start_ns`, up to and including `end_ns`."""

    start_ns: int
    end_ns: int


def next_tick(now_ns: int, interval_ns: int) -> int:
    """The first multiple of the interval, or full hour, after `now_ns`."""
    return min((now_ns // interval_ns + 1) * interval_ns, _full_hour_after(now_ns))


def next_span(last_end_ns: int, last_collected_ns: int, at_ns: int) -> Span:
    """What the next collection covers: from the end of the last one to its tick, within one hour.

    A process that was stopped over a full hour collects late. Then usage belongs to the hour in which its collection
    was due, and the next one starts in the hour of the clock: the hours between, in which nothing was recorded, stay
    uncovered. When the clock steps back, the end moves on by one nanosecond at a time, so that no two collections of a
    process share an identity.

    Args:
        last_end_ns: the end of the last collection.
        last_collected_ns: what the clock said when it happened.
        at_ns: the tick, or what the clock says when there is none.
    """
    start_ns = max(last_end_ns, last_collected_ns // HOUR_NS * HOUR_NS)
    return Span(start_ns, max(min(at_ns, _full_hour_after(start_ns)), start_ns + 1))


def _full_hour_after(time_ns: int) -> int:
    return (time_ns // HOUR_NS + 1) * HOUR_NS
