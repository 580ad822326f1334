"""Forecasts: never negative, in proportion to what they rest on, and the parts add up to the whole."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick_receiver.forecast import Horizon, Part, forecast_of, outlook_of

QUANTITIES = st.one_of(st.integers(0, 10**12).map(Decimal), st.decimals(0, 1000, places=6))
HORIZONS = st.builds(Horizon, days=st.integers(1, 31), left=st.fractions(0, 1, max_denominator=86400))


@st.composite
def several(draw, least, most):
    """Days of parts, unknown on the same days."""
    length = draw(st.integers(0, 80))
    known = draw(st.lists(st.booleans() | st.just(value=True), min_size=length, max_size=length))
    count = draw(st.integers(least, most))
    return [[draw(QUANTITIES) if is_known else None for is_known in known] for _ in range(count)]


def outlooks(series, horizon, times=Decimal(1)):
    return [outlook_of(Part(days=[None if q is None else q * times for q in days], to_date=Decimal(0)), horizon)
            for days in series]  # fmt: skip


@given(several(1, 3), HORIZONS)
@settings(max_examples=60, deadline=None)
def test_a_forecast_and_its_band_are_never_negative(series, horizon):
    found = forecast_of(outlooks(series, horizon))
    assert found.remaining is None or found.remaining >= 0
    assert found.band is None or 0 <= found.band[0] <= found.band[1]


@given(several(1, 3), HORIZONS, st.sampled_from(["1000", "0.001", "7", "3.14"]).map(Decimal))
@settings(max_examples=60, deadline=None)
def test_another_unit_changes_the_figures_in_proportion_and_nothing_else(series, horizon, times):
    one, other = forecast_of(outlooks(series, horizon)), forecast_of(outlooks(series, horizon, times))
    assert (one.method, one.days, one.errors, one.trend) == (other.method, other.days, other.errors, other.trend)
    if one.remaining is not None:
        assert other.remaining == one.remaining * Fraction(times)


@given(several(2, 4), HORIZONS)
@settings(max_examples=60, deadline=None)
def test_the_forecasts_of_parts_add_up_to_the_whole(series, horizon):
    parts = outlooks(series, horizon)
    whole = forecast_of(parts)
    assert (whole.remaining or 0) == sum(forecast_of([part]).remaining or 0 for part in parts)


@given(several(1, 1), HORIZONS, st.decimals(0, 100, places=3))
@settings(max_examples=40, deadline=None)
def test_a_price_that_stays_is_a_unit_like_any_other(series, horizon, price):
    days = series[0]
    prices = [price] * (len(days) + horizon.days)
    priced = forecast_of([outlook_of(Part(days=days, to_date=Decimal(0), prices=prices), horizon)])
    plain = forecast_of(outlooks(series, horizon))
    assert (priced.remaining is None) == (plain.remaining is None)
    assert (priced.remaining or 0) == (plain.remaining or 0) * Fraction(price)
