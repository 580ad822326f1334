"""Days, weeks and months of any time zone: they cover the window, one follows the other, each begins at midnight."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from tallystick_receiver.question import Question
from tallystick_receiver.trend import buckets_of

ZONES = ("UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Auckland")


@given(
    start=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
    hours=st.integers(1, 24 * 400), zone=st.sampled_from(ZONES), unit=st.sampled_from(["day", "week", "month"]),
)  # fmt: skip
def test_buckets_tile_the_window_at_local_midnights(start, hours, zone, unit):
    end = start + timedelta(hours=hours)
    asked = Question(
        org=None, project=None, types=(), start=start, end=end, zone=ZoneInfo(zone), group_by=(unit,), filters={}
    )  # fmt: skip
    buckets = list(buckets_of(asked))
    assert buckets[0][0] <= start < buckets[0][1]
    assert buckets[-1][0] < end <= buckets[-1][1]
    assert all(before[1] == after[0] for before, after in pairwise(buckets))
    for first, _ in buckets:
        local = first.astimezone(asked.zone)
        assert (local.hour, local.minute) == (0, 0)
        assert unit != "week" or local.weekday() == 0
        assert unit != "month" or local.day == 1
