"""Until when things are kept: arithmetic that must hold whatever the settings are."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tallystick_receiver.horizons import Kept, horizons_of

NOW = datetime(2026, 11, 21, 7, 30, tzinfo=UTC)
DAYS = st.integers(0, 5000)
KEPT = st.builds(Kept, late_seconds=st.integers(1, 400 * 86_400), points_days=DAYS, hourly_days=DAYS, daily_days=DAYS,
                 cost_days=DAYS)  # fmt: skip
NEVER = datetime.min.replace(tzinfo=UTC)


def test_layers_go_at_midnight_when_they_are_old_enough():
    kept = Kept(late_seconds=7 * 86_400, points_days=100, hourly_days=800, daily_days=0)
    found = horizons_of(kept, NOW)
    assert found.collections == datetime(2026, 11, 13, tzinfo=UTC)
    assert found.points == datetime(2026, 8, 13, tzinfo=UTC)
    assert found.hourly == datetime(2024, 9, 12, tzinfo=UTC)
    assert found.daily is None


@given(KEPT, st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_nothing_goes_that_late_data_may_reach_and_coarser_layers_stay_longer(kept, now):
    found = horizons_of(kept, now)
    reached = now - timedelta(seconds=kept.late_seconds)
    for horizon in (found.collections, found.points, found.hourly, found.daily, found.costs):
        assert horizon is None or (
            horizon <= reached and horizon == horizon.replace(hour=0, minute=0, second=0, microsecond=0)
        )
    order = [horizon or NEVER for horizon in (found.points, found.hourly, found.daily)]
    assert order == sorted(order, reverse=True)
    assert (found.costs or NEVER) <= (found.hourly or NEVER), "what is priced is never kept for less long than its cost"


@given(KEPT)
def test_for_ever_is_for_ever_for_all_coarser_layers_too(kept):
    found = horizons_of(kept, NOW)
    if not kept.points_days:
        assert (found.points, found.hourly, found.daily) == (None, None, None)
