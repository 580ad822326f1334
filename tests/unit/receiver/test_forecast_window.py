"""Which days a forecast may rest on, and which it is about."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest

from tallystick_receiver.errors import InvalidQuestion
from tallystick_receiver.query.forecast_window import unknown_days, window_of
from tallystick_receiver.question import Question
from tallystick_receiver.store.completeness import Completeness, Gap, Silence, WriterName

NOW = datetime(2026, 11, 25, 18, tzinfo=UTC)
DAY = timedelta(days=1)
WRITER = WriterName(org=None, namespace="", service="api", instance="1")
YESTERDAY = date(2026, 11, 24)


def asked(start, end, zone="UTC", group_by=("type",)):
    where = ZoneInfo(zone)
    times = [datetime(*day, tzinfo=where).astimezone(UTC) for day in (start, end)]
    return Question(
        org="acme", project=None, types=(), start=times[0], end=times[1], zone=where, group_by=group_by, filters={}
    )  # fmt: skip


WINDOW = window_of(asked((2026, 11, 1), (2026, 12, 1)), NOW)


def books(*, until=NOW, gaps=(), silent=(), unannounced=(), senders=1):
    return Completeness(
        until=until if senders else None, senders=senders, gaps=list(gaps), silent=list(silent),
        unannounced=list(unannounced), copied=[],
    )  # fmt: skip


def midday(day):
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def unknown(found, used=(), metrics=("calls",)):
    """Of the last three days."""
    days = unknown_days(WINDOW, found, set(used), set(metrics))
    return sorted(day for day in days if day > YESTERDAY - 3 * DAY)


def test_the_window_is_today_and_the_days_after_it():
    assert (WINDOW.today, WINDOW.horizon.days, WINDOW.horizon.left) == (date(2026, 11, 25), 6, Fraction(1, 4))
    assert (len(WINDOW.history), WINDOW.history[-1]) == (120, YESTERDAY)


def test_days_are_those_of_the_zone():
    window = window_of(asked((2026, 10, 1), (2026, 12, 1), "Pacific/Auckland"), NOW)
    assert (window.today, window.horizon.left) == (date(2026, 11, 26), Fraction(17, 24))
    question = window.question(asked((2026, 10, 1), (2026, 12, 1), "Pacific/Auckland"))
    assert question.end == datetime(2026, 11, 26, 11, tzinfo=UTC)


def test_a_day_of_25_hours_is_left_by_its_own_length():
    window = window_of(asked((2026, 10, 1), (2026, 11, 1), "Europe/Berlin"), datetime(2026, 10, 25, 11, tzinfo=UTC))
    assert window.horizon.left == Fraction(12, 25)


def test_a_period_of_years_is_read_from_its_begin():
    window = window_of(asked((2026, 1, 1), (2027, 1, 1)), NOW)
    assert window.question(asked((2026, 1, 1), (2027, 1, 1))).start == datetime(2026, 1, 1, tzinfo=UTC)


def test_a_complete_day_without_usage_is_zero():
    assert unknown(books()) == []


def test_nobody_knows_a_day_without_usage_where_nobody_announces():
    assert unknown(books(senders=0), used=[YESTERDAY]) == [YESTERDAY - 2 * DAY, YESTERDAY - DAY]


def test_nobody_knows_a_day_without_usage_while_a_sender_is_behind_or_silent():
    silence = Silence(writer=WRITER, start=midday(YESTERDAY - 2 * DAY), end=midday(YESTERDAY - 2 * DAY) + DAY / 4)
    assert unknown(books(silent=[silence])) == [YESTERDAY - 2 * DAY]
    assert unknown(books(unannounced=[silence])) == [YESTERDAY - 2 * DAY]
    assert unknown(books(until=midday(YESTERDAY))) == [YESTERDAY]
    assert unknown(books(until=midday(YESTERDAY)), used=[YESTERDAY]) == []


def test_a_moment_of_an_unannounced_writer_is_a_doubt():
    moment = midday(YESTERDAY)
    assert unknown(books(unannounced=[Silence(writer=WRITER, start=moment, end=moment)])) == [YESTERDAY]


def test_a_day_with_a_known_gap_is_short_even_where_there_is_usage():
    gap = Gap(writer=WRITER, metric="calls", unit="", start=midday(YESTERDAY), end=midday(YESTERDAY) + DAY / 24,
              points=1, quantity=Decimal(5))  # fmt: skip
    assert unknown(books(gaps=[gap]), used=[YESTERDAY]) == [YESTERDAY]
    assert unknown(books(gaps=[gap]), used=[YESTERDAY], metrics=["bytes"]) == []


@pytest.mark.parametrize(
    ("question", "words"),
    [
        (asked((2026, 11, 1), (2026, 11, 25)), "until must lie ahead"),
        (asked((2026, 11, 26), (2026, 11, 28)), "from must not lie ahead"),
        (asked((2026, 11, 1), (2026, 11, 30, 12)), "until must be a day"),
        (asked((2026, 11, 1, 3), (2026, 11, 30)), "from must be a day"),
        (asked((2026, 11, 1), (2028, 11, 30)), "366 days"),
        (asked((2026, 11, 1), (2026, 11, 30), group_by=("type", "month")), "grouped by month"),
    ],
)
def test_other_periods_are_refused(question, words):
    with pytest.raises(InvalidQuestion, match=words):
        window_of(question, NOW)
