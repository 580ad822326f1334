"""Schedules of refills: counted from the first one, in local time, never chained."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tallystick_receiver.credits import NUMBER_MAX, EntryKind, Every, Refill, hour_of


def refill(starts_at, every=Every.MONTH, *, count=1, zone="UTC", ends_at=None):
    return Refill(
        id="ref_1", amount=Decimal(100), count=count, every=every, zone=zone, starts_at=starts_at, ends_at=ends_at,
        note="",
    )  # fmt: skip


def times(schedule, numbers):
    return [schedule.at(number).isoformat() for number in range(numbers)]


def test_a_31st_comes_back_after_a_shorter_month():
    schedule = refill(datetime(2027, 10, 31, 12, tzinfo=UTC))
    assert [time[:10] for time in times(schedule, 6)] == [
        "2027-10-31", "2027-11-30", "2027-12-31", "2028-01-31", "2028-02-29", "2028-03-31",
    ]  # fmt: skip


def test_a_local_midnight_stays_one_when_clocks_change():
    schedule = refill(datetime(2026, 9, 30, 22, tzinfo=UTC), zone="Europe/Berlin")
    assert times(schedule, 3) == [
        "2026-09-30T22:00:00+00:00", "2026-10-31T23:00:00+00:00", "2026-11-30T23:00:00+00:00",
    ]  # fmt: skip


def test_a_local_time_that_does_not_exist_is_due_an_hour_later():
    schedule = refill(datetime(2026, 3, 28, 1, 30, tzinfo=UTC), Every.DAY, zone="Europe/Berlin")
    assert times(schedule, 3) == [
        "2026-03-28T01:30:00+00:00", "2026-03-29T01:30:00+00:00", "2026-03-30T00:30:00+00:00",
    ]  # fmt: skip


@pytest.mark.parametrize(("every", "count", "days"), [(Every.WEEK, 2, 14), (Every.DAY, 3, 3), (Every.HOUR, 6, 0.25)])
def test_steps(every, count, days):
    start = datetime(2026, 11, 1, tzinfo=UTC)
    assert refill(start, every, count=count).at(4) == start + 4 * timedelta(days=days)


def test_what_was_missed_is_due_each_at_its_own_time():
    start = datetime(2026, 11, 1, tzinfo=UTC)
    schedule = refill(start, Every.DAY)
    due = list(schedule.due(2, start + timedelta(days=4, hours=1)))
    assert due == [(n, start + timedelta(days=n)) for n in (2, 3, 4)]
    entry = schedule.entry(*due[0])
    assert (entry.kind, entry.key, entry.at, entry.amount) == (EntryKind.REFILL, "refill:ref_1:2", due[0][1], 100)


def test_nothing_is_due_before_the_first_nor_from_the_end_on():
    start = datetime(2026, 11, 1, tzinfo=UTC)
    schedule = refill(start, Every.DAY, ends_at=start + timedelta(days=2))
    assert list(schedule.due(0, start - timedelta(seconds=1))) == []
    assert [number for number, _ in schedule.due(0, start + timedelta(days=9))] == [0, 1]
    assert schedule.at(NUMBER_MAX) is None


def test_an_hour_is_that_of_utc():
    assert hour_of(datetime.fromisoformat("2026-11-01T10:59:59+05:30")) == datetime(2026, 11, 1, 5, tzinfo=UTC)
