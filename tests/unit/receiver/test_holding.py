"""What is read to integrate a window, and the figures that follow from an integral."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tallystick_receiver.holding import Hold, LevelFigures, hold_ranges, integral_unit, ns_of
from tallystick_receiver.ranges import WholeDays, whole_days
from tallystick_receiver.readable import readable, readable_hours

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
EVER = datetime(1, 1, 1, tzinfo=UTC)
HOUR = Hold(seconds=3600, now_ns=0)


def minute(n):
    return NOON + timedelta(minutes=n)


def minutes(ranges):
    return [((lower - NOON) / timedelta(minutes=1), (upper - NOON) / timedelta(minutes=1)) for lower, upper in ranges]


@pytest.mark.parametrize(
    ("window", "points", "quarters"),
    [
        ((0, 60), [], [(-60, 60)]),
        ((0, 7), [(0, 7)], [(-60, 0)]),
        ((0, 67), [(60, 67)], [(-60, 60)]),
        ((5, 60), [(0, 15)], [(-60, 0), (15, 60)]),
        ((5, 67), [(0, 15), (60, 67)], [(-60, 0), (15, 60)]),
        ((5, 7), [(0, 7)], [(-60, 0)]),
        ((5, 15), [(0, 15)], [(-60, 0)]),
        ((5, 20), [(0, 15), (15, 20)], [(-60, 0)]),
    ],
)
def test_whole_quarters_are_read_from_rollups_ragged_ones_from_their_begin_and_what_holds_into_the_window(
    window, points, quarters
):
    found = hold_ranges(minute(window[0]), minute(window[1]), HOUR, EVER)
    assert (minutes(found.points), minutes(found.quarters)) == (points, quarters)
    assert found.days[0] >= found.days[1]


def test_a_hold_that_is_no_whole_quarter_reaches_back_to_the_begin_of_one():
    found = hold_ranges(NOON, minute(60), Hold(seconds=901, now_ns=0), EVER)
    assert minutes(found.quarters) == [(-30, 60)]


def test_days_say_what_holds_over_the_time_from_which_on_quarters_are_kept():
    midnight = NOON.replace(hour=0)
    for start in (midnight, midnight - timedelta(days=9), midnight + timedelta(minutes=20)):
        lower, upper = hold_ranges(start, NOON, HOUR, midnight).days
        assert (lower, upper) == (midnight - timedelta(days=1), midnight)


def whole_of(start, end, unit=None):
    return WholeDays(days=whole_days(start, end, unit), cuts={})


def test_whole_days_are_those_of_the_window_that_are_over_and_whose_quarters_are_kept():
    midnight = NOON.replace(hour=0)
    days = [midnight + timedelta(days=n) for n in range(5)]
    late = Hold(seconds=3600, now_ns=ns_of(days[4]) + 7)
    whole = whole_of(minute(5), days[4] + timedelta(hours=3))
    assert whole.days == (days[1], days[4])
    found = hold_ranges(minute(5), days[4] + timedelta(hours=3), late, EVER, whole)
    assert found.whole == (days[1], days[4])
    assert found.ragged == [
        (minute(-60), minute(0)), (minute(15), days[1]), (days[4], days[4] + timedelta(hours=3)),
    ]  # fmt: skip
    found = hold_ranges(minute(5), days[4], Hold(seconds=900, now_ns=ns_of(days[4]) - 1), days[2], whole)
    assert found.whole == (days[2], days[3])
    assert found.ragged == [(minute(-15), minute(0)), (minute(15), days[2]), (days[3], days[4])]


@pytest.mark.parametrize(("hours", "unit"), [(35, None), (12, "day"), (480, "hour")])
def test_without_a_whole_day_or_with_buckets_finer_than_one_all_is_quarters(hours, unit):
    end = NOON + timedelta(hours=hours)
    whole = whole_of(NOON, end, unit)
    assert whole.days[0] == whole.days[1]
    found = hold_ranges(NOON, end, Hold(seconds=900, now_ns=ns_of(end) * 2), EVER, whole)
    assert sum((upper - lower for lower, upper in found.ragged), timedelta()) == end - minute(-15)


def figures(integral, covered_ns):
    return LevelFigures(lowest=None, highest=None, integral=integral, covered_ns=covered_ns)


def test_an_average_has_nine_decimals_half_to_even_and_an_integral_all_of_them():
    third = figures(Decimal(1), 3)
    assert (third.average, third.integral_seconds, third.covered_seconds) == (
        Decimal("0.333333333"), Decimal("1e-9"), Decimal("3e-9"),
    )  # fmt: skip
    assert figures(Decimal(-3), 2 * 10**9).average == Decimal("-0.000000002")
    assert figures(Decimal(1), 2 * 10**9).average == 0
    large = figures(Decimal(9223372036854775807000000000000000001), 10**9)
    assert str(large.integral_seconds) == "9223372036854775807000000000.000000001"
    assert large.average == large.integral_seconds


def test_nothing_covered_has_no_average_and_nothing_known_no_integral():
    assert (figures(Decimal(0), 0).average, figures(Decimal(0), 0).integral_seconds) == (None, 0)
    unknown = figures(None, None)
    assert (unknown.average, unknown.integral_seconds, unknown.covered_seconds) == (None, None, None)


def test_an_integral_is_in_the_ucum_product_of_unit_and_seconds():
    assert [integral_unit(unit) for unit in ("By", "{query}", "1", "")] == ["By.s", "{query}.s", "s", "s"]


@pytest.mark.parametrize(
    ("quantity", "unit", "text"),
    [("0", "By", "0 B"), ("1023", "By", "1,023 B"), ("1536.25", "By", "1.5 KiB"), ("-5368709120", "By", "-5.0 GiB"),
     ("1e22", "By", "8,673.6 EiB"), ("1536.25", "{query}", "1,536.25 {query}"), ("0.0004", "", "0")],
)  # fmt: skip
def test_figures_for_people_are_short(quantity, unit, text):
    assert readable(Decimal(quantity), unit) == text


def test_byte_hours_for_people():
    assert readable_hours(Decimal(3600 * 2048), "By") == "2.0 KiB h"
