"""Buckets of a chart: every one that has begun, in the zone's own days, and known only as far as that is said."""

from datetime import UTC, datetime, timedelta

import pytest

from tallystick_receiver.cli.usage_chart import buckets_of, unit_for

LATER = datetime(2027, 1, 1, tzinfo=UTC)


def answer(start, end, zone="UTC", state="complete", until="2027-01-01T00:00:00Z"):
    return {"from": start, "to": end, "timeZone": zone, "completeness": {"state": state, "until": until}}


def names(*arguments, now=LATER, **named):
    return [bucket.name for bucket in buckets_of(answer(*arguments, **named), "day", now)]


def complete(unit, now, **named):
    found = buckets_of(answer("2026-11-24T00:00:00Z", "2026-11-27T00:00:00Z", **named), unit, now)
    return [bucket.name for bucket in found if bucket.is_complete]


@pytest.mark.parametrize("window", [
    ("2026-03-28T23:00:00Z", "2026-03-31T22:00:00Z"), ("2026-10-24T22:00:00Z", "2026-10-27T23:00:00Z"),
])  # fmt: skip
def test_no_day_is_missing_or_doubled_where_clocks_change(window):
    found = names(*window, "Europe/Berlin")
    first = datetime.fromisoformat(found[0])
    assert found == [f"{first + timedelta(days=n):%Y-%m-%d}" for n in range(3)]


def test_hours_are_those_of_the_zone_and_the_doubled_hour_is_two():
    found = buckets_of(answer("2026-10-24T22:00:00Z", "2026-10-25T04:00:00Z", "Europe/Berlin"), "hour", LATER)
    assert [bucket.name[11:] for bucket in found] == [
        "00:00:00+02:00", "01:00:00+02:00", "02:00:00+02:00", "02:00:00+01:00", "03:00:00+01:00", "04:00:00+01:00",
    ]  # fmt: skip
    kolkata = buckets_of(answer("2026-11-24T18:30:00Z", "2026-11-24T21:30:00Z", "Asia/Kolkata"), "hour", LATER)
    assert [bucket.name[:13] for bucket in kolkata] == ["2026-11-25T00", "2026-11-25T01", "2026-11-25T02"]


def test_a_window_that_begins_within_an_hour_ends_with_the_one_that_holds_its_end():
    found = buckets_of(answer("2026-11-24T10:40:00Z", "2026-11-24T12:20:00Z"), "hour", LATER)
    assert [bucket.name[11:13] for bucket in found] == ["10", "11", "12"]
    assert names("2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z") == ["2026-11-24"]


def test_what_has_not_begun_is_not_shown():
    now = datetime(2026, 11, 25, 12, tzinfo=UTC)
    assert names("2026-11-24T00:00:00Z", "2026-12-01T00:00:00Z", now=now) == ["2026-11-24", "2026-11-25"]
    assert names("2026-11-24T00:00:00Z", "2026-12-01T00:00:00Z", now=datetime(2026, 11, 1, tzinfo=UTC)) == []


def test_a_bucket_is_known_as_far_as_it_is_said_to_be_complete():
    now = datetime(2026, 11, 25, 12, tzinfo=UTC)
    assert complete("day", now, until="2026-11-25T11:59:30Z") == ["2026-11-24", "2026-11-25"]
    assert complete("day", now, until="2026-11-25T11:00:00Z") == ["2026-11-24"]
    assert complete("day", now, until="2026-11-25T00:00:00Z") == ["2026-11-24"]
    assert complete("day", now, until="2026-11-24T23:00:00Z") == []
    assert complete("day", now, until="2026-11-01T00:00:00Z") == []
    assert complete("day", now, until=None) == []
    assert complete("day", now, state="unknown", until="2026-11-25T11:59:30Z") == []
    assert complete("day", now, state="gaps", until="2026-11-25T11:00:00Z") == ["2026-11-24"]


def test_the_unit_fits_the_window():
    ends = {"2026-11-27": "hour", "2026-11-28": "day", "2027-02-25": "day", "2027-03-01": "month"}
    for end, unit in ends.items():
        assert unit_for(answer("2026-11-24T00:00:00Z", f"{end}T00:00:00Z")) == unit
