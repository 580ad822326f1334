"""Tests that count days from now do not begin right before a day ends; imports nothing of ours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from waiting import wait_until

LONGEST = timedelta(minutes=3)


def away_from_midnight() -> None:
    """Wait for the next day (UTC) where this one ends in a moment."""
    start = datetime.now(UTC)
    if (start + LONGEST).date() != start.date():
        wait_until(lambda: datetime.now(UTC).date() != start.date(), LONGEST.total_seconds() + 1, "the next day")
