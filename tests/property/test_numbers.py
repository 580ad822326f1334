"""Numbers keep every digit: shortest decimals, one form for a number, texts, COPY's numeric."""

import itertools
import struct
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tallystick.quantity import quantity_of, text_of
from tallystick_receiver.admission import decimals_of
from tallystick_receiver.ranges import DAY, HOUR, QUARTER, ranges_of
from tallystick_receiver.store.pgcopy import numeric

int64 = st.integers(-(2**63), 2**63 - 1)
doubles = st.floats(allow_nan=False, allow_infinity=False)
EXACT = Context(prec=1500)


@given(doubles)
@example(0.1)
@example(5e-324)
@example(1.7976931348623157e308)
@example(2.0**53)
@example(-0.0)
def test_a_double_counts_as_its_shortest_decimal(number):
    quantity = quantity_of(number)
    assert float(quantity.to_decimal()) == number
    assert quantity.to_decimal() == Decimal(repr(number))


@given(int64)
def test_an_integer_and_a_double_of_the_same_value_have_one_form(number):
    if float(number) == number and Decimal(repr(float(number))) == number:
        assert quantity_of(number) == quantity_of(float(number))
    assert text_of(quantity_of(number).to_decimal()) == str(number)


@given(st.lists(st.one_of(doubles, st.decimals(-1000, 1000, places=3).map(float), int64.map(float)), min_size=1))
def test_whole_columns_and_single_numbers_agree(numbers):
    column = np.array(numbers)
    mantissa, exponent = decimals_of(column, np.ones(len(numbers), dtype=bool), np.zeros(len(numbers), dtype=np.int64))
    for m, e, number in zip(mantissa.tolist(), exponent.tolist(), numbers, strict=True):
        quantity = quantity_of(number)
        assert (m, e) == (quantity.mantissa, quantity.exponent)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**40), max_value=10**40))
def test_a_text_carries_every_digit_and_no_exponent(number):
    text = text_of(number)
    assert "E" not in text.upper()
    assert Fraction(text) == Fraction(number)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_is_not_finite_has_no_form(number):
    with pytest.raises(ValueError, match="finite"):
        quantity_of(number)


@given(st.integers(-(10**60), 10**60), st.integers(-30, 10))
def test_the_binary_numeric_of_copy_reads_back_exactly(unscaled, exponent):
    value = EXACT.scaleb(Decimal(unscaled), exponent)
    field = numeric(value)
    assert struct.unpack(">i", field[:4])[0] == len(field) - 4
    count, weight, sign, scale = struct.unpack(">hhHH", field[4:12])
    digits = struct.unpack(f">{count}h", field[12:])
    number = sum(Fraction(digit) * Fraction(10000) ** (weight - place) for place, digit in enumerate(digits))
    assert (-number if sign else number) == Fraction(value)
    assert scale == max(-exponent, 0)
    assert all(0 <= digit < 10000 for digit in digits)


times = st.datetimes(datetime(1990, 1, 1), datetime(2040, 1, 1)).map(lambda t: t.replace(tzinfo=UTC))
zones = st.sampled_from(sorted(available_timezones()))


@given(times, st.timedeltas(timedelta(microseconds=1), timedelta(days=70)),
       st.sampled_from([None, "hour", "day", "week", "month"]), zones, st.booleans())  # fmt: skip
def test_ranges_cover_a_window_exactly_and_no_bucket_cuts_a_rollup(start, length, unit, zone_name, hourly):
    zone, end = ZoneInfo(zone_name), start + length
    ranges = ranges_of(start, end, unit, zone, hourly=hourly)
    steps = [(ranges.points, timedelta(0)), (ranges.quarters, QUARTER), (ranges.hours, HOUR), (ranges.days, DAY)]
    pieces = sorted((lower, upper) for found, _ in steps for lower, upper in found)
    assert pieces[0][0] == start
    assert pieces[-1][1] == end
    assert all(before[1] == after[0] for before, after in itertools.pairwise(pieces))
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    for found, step in steps:
        for lower, upper in found:
            assert lower < upper
            if step:
                assert (lower - epoch) % step == (upper - epoch) % step == timedelta(0)
                if unit is not None:
                    offset = lower.astimezone(zone).utcoffset()
                    assert offset % step == timedelta(0)
    if ranges.quarters or ranges.hours or ranges.days:
        assert ranges.deltas == (
            min(p[0] for f, s in steps for p in f if s),
            max(p[1] for f, s in steps for p in f if s),
        )
