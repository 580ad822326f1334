"""No test begins right before a day (UTC) ends: many count days from now. Imports nothing of ours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from waiting import wait_until

LONGEST = timedelta(minutes=3)


def away_from_midnight() -> None:
    """Wait for the next day where this one ends in a moment."""
    start = datetime.now(UTC)
    if (start + LONGEST).date() != start.date():
        wait_until(lambda: datetime.now(UTC).date() != start.date(), LONGEST.total_seconds() + 1, "the next day")
