"""No test begins right before or after midnight: many count days from now. Imports nothing of ours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

from waiting import wait_until

BEFORE = timedelta(minutes=3)
AFTER = timedelta(minutes=1)
"""What was used half a minute ago is of the same day and month."""


def away_from_midnight(zone: tzinfo = UTC) -> None:
    """Wait where a day of this zone ends in a moment, or has only begun."""
    now = datetime.now(UTC)
    midnight = (now + BEFORE).astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    if now < midnight + AFTER:
        until = (midnight + AFTER).astimezone(UTC)
        wait_until(lambda: datetime.now(UTC) >= until, (BEFORE + AFTER).total_seconds() + 10, "the next day")
