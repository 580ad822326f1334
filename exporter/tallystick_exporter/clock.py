"""Collections end on the wall clock, so that none straddles an hour; pure, times in nanoseconds."""

from __future__ import annotations


def next_tick(now_ns: int, interval_ns: int) -> int:
    """The first multiple of the interval after `now_ns`."""
    return (now_ns // interval_ns + 1) * interval_ns


def collection_end(tick_ns: int | None, now_ns: int, last_end_ns: int) -> int:
    """When a collection ends: at its tick, or now without one; always later than the one before.

    The clock may step back: then the end moves on by one nanosecond at a time, so that no two collections of a
    process share an identity.
    """
    return max(now_ns if tick_ns is None else tick_ns, last_end_ns + 1)
