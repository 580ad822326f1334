"""The forecast's rules, with figures that can be checked by hand."""

from decimal import Decimal
from fractions import Fraction

import pytest

from tallystick.quantity import text_of
from tallystick_receiver.forecast import Horizon, Method, Part, forecast_of, outlook_of, rounded

WEEK = (100, 120, 130, 125, 140, 20, 10)
WHOLE = Horizon(days=15, left=Fraction(1))


def daily(quantities):
    return [None if quantity is None else Decimal(quantity) for quantity in quantities]


def forecast(quantities, horizon=WHOLE, to_date=0, prices=None):
    part = Part(days=daily(quantities), to_date=Decimal(to_date), prices=prices)
    return forecast_of([outlook_of(part, horizon)])


def weekly(days):
    return [WEEK[day % 7] for day in range(days)]


def test_a_perfect_weekly_pattern_has_no_error_and_a_band_of_no_width():
    found = forecast(weekly(84), to_date=1000)
    coming = sum(WEEK[(84 + ahead) % 7] for ahead in range(15))
    assert (found.method, found.total, found.error) == (Method.WEEKDAYS, 1000 + coming, 0)
    assert found.band == (coming, coming)
    assert len(found.errors) == 22
    assert found.trend is None


def test_a_price_that_halves_is_used_from_its_day_on_and_is_no_error_of_the_forecast():
    prices = [Decimal(10)] * 70 + [Decimal(5)] * 29
    found = forecast([7] * 84, prices=prices)
    assert (found.remaining, found.error, found.trend) == (7 * 5 * 15, 0, None)


def test_a_price_that_changes_ahead_is_used_from_its_day_on():
    prices = [Decimal(10)] * 84 + [Decimal(10)] * 5 + [Decimal("2.5")] * 10
    assert forecast([4] * 84, prices=prices).remaining == 4 * 10 * 5 + 4 * Fraction(5, 2) * 10


def test_ten_days_are_a_run_rate_without_a_band():
    found = forecast([3, 5, 4, 4, 3, 5, 4, 4, 4, 4])
    assert (found.method, found.days, found.remaining) == (Method.RUN_RATE, 10, 4 * 15)
    assert (found.band, found.errors, found.error) == (None, (), None)


def test_twenty_days_know_no_weekdays():
    found = forecast(weekly(20), horizon=Horizon(days=1, left=Fraction(1)))
    assert (found.method, found.remaining) == (Method.MEAN, Fraction(sum(weekly(20)), 20))


def test_twenty_eight_days_know_weekdays():
    found = forecast(weekly(28), horizon=Horizon(days=1, left=Fraction(1)))
    assert (found.method, found.remaining) == (Method.WEEKDAYS, WEEK[0])


def test_without_a_complete_day_nothing_is_forecast():
    found = forecast([0, 0, None, 0], to_date=5)
    assert (found.method, found.remaining, found.total, found.to_date) == (Method.NONE, None, None, 5)


def test_days_before_the_first_usage_are_no_history():
    assert forecast([0] * 100 + [6] * 10).remaining == forecast([6] * 10).remaining == 6 * 15


def test_a_day_that_nobody_knows_is_not_zero():
    days = [10] * 60
    days[-3] = days[-20] = None
    found = forecast(days)
    assert (found.remaining, found.days, found.error) == (150, 58, 0)
    assert forecast([*days[:-3], 0, 10, 10]).remaining < 150


def test_a_day_without_usage_is_zero():
    assert forecast([7, 0] * 5).remaining == Fraction(7, 2) * 15


def test_no_back_test_covers_a_day_that_nobody_knows():
    days = weekly(84)
    days[-1] = None
    assert forecast(days).error == 0
    days[12::14] = [None] * len(days[12::14])
    assert forecast(days).band is None


def test_too_few_back_tests_give_no_band():
    assert forecast(weekly(14 + 15 + 5)).band is None
    assert forecast(weekly(14 + 15 + 6)).band is not None


def test_back_tests_are_spread_over_the_history_and_begin_after_four_weeks():
    """A jump 100 days ago is seen by a test that is far back, and by none of the last 22 days."""
    days = [10] * 20 + [30] * 100
    assert forecast(days).errors[-1] != 0
    assert forecast(days[12:]).errors[0] == 0
    assert len(forecast(days).errors) == 22


def test_drift_is_followed_by_half():
    """Each week has 70 more than the one before; the last four average 10 a day less than the week to come would."""
    days = [100 + 10 * (day // 7) for day in range(56)]
    found = forecast(days, horizon=Horizon(days=7, left=Fraction(1)))
    assert found.remaining == 7 * (100 + 10 * Fraction(11, 2)) + Fraction(1, 2) * 70 * Fraction(5, 2)
    assert found.trend.r2 == 1
    assert found.trend.weekly == Fraction(70, 945)


def test_noise_is_no_trend():
    assert forecast([(day * 7919) % 100 for day in range(84)]).trend is None


def test_only_the_rest_of_today_is_added():
    half = Horizon(days=2, left=Fraction(1, 4))
    assert forecast([8] * 10, horizon=half, to_date=6).total == 6 + 2 + 8


def test_what_falls_to_nothing_stays_there():
    days = [7000 - 120 * day for day in range(56)]
    assert forecast(days, horizon=Horizon(days=366, left=Fraction(1))).remaining >= 0


def test_usage_out_of_nothing_has_no_scale_for_errors():
    days = [1] + [0] * 60 + [5] * 10
    assert forecast(days, horizon=Horizon(days=7, left=Fraction(1))).errors == ()


def test_parts_are_tested_together():
    """Two parts that trade places are each harder to forecast than both of them."""
    ups = [day % 9 for day in range(80)]
    parts = [daily(ups), daily([10 - up for up in ups])]
    outlooks = [outlook_of(Part(days=days, to_date=Decimal(0)), WHOLE) for days in parts]
    assert 0 < forecast_of(outlooks).error * 5 < min(forecast_of([part]).error for part in outlooks)


def test_each_day_needs_a_price():
    with pytest.raises(ValueError, match="99 days need as many prices"):
        forecast([1] * 84, prices=[Decimal(1)] * 98)


@pytest.mark.parametrize(("number", "text"), [("1/3", "0.333333"), ("5/2", "2.5"), ("0", "0"), ("1200", "1200"),
                                              ("1/2000000", "0"), ("3/2000000", "0.000002"),
                                              ("1e40", "1" + "0" * 40)])  # fmt: skip
def test_rounding_is_to_six_places_half_to_even(number, text):
    assert text_of(rounded(Fraction(number))) == text
