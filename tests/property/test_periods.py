"""Periods of each kind tile time, in order, whatever clocks do: in many zones, through fifty years of their changes."""

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick_receiver.periods import Reset, period_of

TICK, HOUR, DAY = timedelta(microseconds=1), timedelta(hours=1), timedelta(days=1)
BEGIN, END = datetime(1975, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC)
ODD = ("Africa/Casablanca", "America/Havana", "America/St_Johns", "America/Sao_Paulo", "Antarctica/Troll",
       "Asia/Beirut", "Asia/Gaza", "Asia/Pyongyang", "America/Caracas", "Australia/Adelaide", "Australia/Lord_Howe",
       "Europe/Berlin", "Pacific/Apia", "Pacific/Chatham", "Pacific/Kwajalein")  # fmt: skip
"""Half hours, changes at midnight and one minute after it, skipped days."""
ZONES = sorted({*ODD, *sorted(available_timezones() - {"localtime"})[::15]})
KINDS = [Reset.HOURLY, Reset.DAILY, Reset.MONTHLY]


@cache
def changes(name):
    """When the clocks of a zone change."""
    zone, found, time = ZoneInfo(name), [], BEGIN

    def offset(at):
        return at.astimezone(zone).utcoffset()

    while time < END:
        low, high = time, time + DAY
        time = high
        if offset(low) == offset(high):
            continue
        while high - low > TICK:
            middle = low + (high - low) // 2
            low, high = (middle, high) if offset(middle) == offset(low) else (low, middle)
        found.append(high)
    return found


def assert_tiles(time, kind, zone):
    period = period_of(time, kind, zone)
    case = (time, kind, zone.key, period)
    assert period.start <= time < period.end, case
    assert period_of(period.start, kind, zone) == period == period_of(period.end - TICK, kind, zone), case
    assert period_of(period.end, kind, zone).start == period.end, case
    assert period_of(period.start - TICK, kind, zone).end == period.start, case
    return period


@pytest.mark.parametrize("name", ZONES)
def test_periods_follow_one_another_without_gap_or_overlap_around_each_change_of_the_clocks(name):
    zone = ZoneInfo(name)
    for change in changes(name):
        for kind, reach in ((Reset.HOURLY, 3 * HOUR), (Reset.DAILY, 3 * DAY), (Reset.MONTHLY, 40 * DAY)):
            period = assert_tiles(change - reach, kind, zone)
            while period.end < change + reach:
                following = assert_tiles(period.end, kind, zone)
                assert following.start == period.end
                assert following.end > following.start
                period = following
        for near in (-HOUR, -TICK, timedelta(), TICK, HOUR / 2, HOUR, DAY):
            for kind in KINDS:
                assert_tiles(change + near, kind, zone)


@given(
    st.sampled_from(ZONES), st.sampled_from(KINDS), st.datetimes(BEGIN.replace(tzinfo=None), END.replace(tzinfo=None))
)
def test_whatever_time_it_is_it_lies_in_its_period_and_the_neighbours_begin_and_end_there(name, kind, time):
    assert_tiles(time.replace(tzinfo=UTC), kind, ZoneInfo(name))


@given(
    st.sampled_from(ZONES), st.sampled_from(KINDS), st.datetimes(BEGIN.replace(tzinfo=None), END.replace(tzinfo=None))
)
def test_a_period_begins_when_clocks_first_show_it_wherever_clocks_do_not_change(name, kind, time):
    zone = ZoneInfo(name)
    period = period_of(time.replace(tzinfo=UTC), kind, zone)
    if any(period.start - DAY <= change <= period.end + DAY for change in changes(name)):
        return
    local = period.start.astimezone(zone)
    assert (local.minute, local.second, local.microsecond) == (0, 0, 0)
    assert kind is Reset.HOURLY or local.hour == 0
    assert kind is not Reset.MONTHLY or local.day == 1
    assert kind is Reset.MONTHLY or period.end - period.start == (HOUR if kind is Reset.HOURLY else DAY)
