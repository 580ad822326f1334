"""Periods: local hours, days and months, through changes of the clock."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tallystick_receiver.periods import Reset, period_of

BERLIN = ZoneInfo("Europe/Berlin")


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("time", "reset", "zone", "start", "end"),
    [("2026-11-21T10:20", "monthly", "UTC", "2026-11-01", "2026-12-01"),
     ("2026-12-31T23:30", "monthly", "Europe/Berlin", "2026-12-31T23:00", "2027-01-31T23:00"),
     ("2026-03-29T10:00", "daily", "Europe/Berlin", "2026-03-28T23:00", "2026-03-29T22:00"),
     ("2026-10-25T10:00", "daily", "Europe/Berlin", "2026-10-24T22:00", "2026-10-25T23:00"),
     ("2026-10-25T10:00", "monthly", "Europe/Berlin", "2026-09-30T22:00", "2026-10-31T23:00"),
     ("2026-11-21T10:20", "hourly", "Asia/Kolkata", "2026-11-21T09:30", "2026-11-21T10:30"),
     ("2026-11-21T10:20", "never", "UTC", "1970-01-01", "9000-01-01")],
)  # fmt: skip
def test_a_period_is_local_and_half_open(time, reset, zone, start, end):
    period = period_of(utc(time), Reset(reset), ZoneInfo(zone))
    assert (period.start, period.end) == (utc(start), utc(end))


@pytest.mark.parametrize("reset", ["hourly", "daily", "monthly"])
def test_periods_follow_one_another_without_holes_through_a_year_of_clock_changes(reset):
    time = utc("2025-12-31T23:00")
    while time < utc("2027-01-02"):
        period = period_of(time, Reset(reset), BERLIN)
        assert period.start == time
        assert period_of(period.end - timedelta(microseconds=1), Reset(reset), BERLIN) == period
        time = period.end


def test_what_never_resets_says_so():
    assert period_of(utc("2026-11-21"), Reset.NEVER, BERLIN).resets_at is None
