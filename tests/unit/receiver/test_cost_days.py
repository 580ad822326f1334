"""What a day's usage costs: the mean of its hours' prices, however long the day is."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from tallystick_receiver.costs import CostRow
from tallystick_receiver.forecast import Horizon
from tallystick_receiver.pricing import Segment, State, Tariff
from tallystick_receiver.query.cost_days import daily_prices, filled, parts_of
from tallystick_receiver.query.forecast_window import Window

DAY = timedelta(days=1)
START = datetime(2026, 11, 1, tzinfo=UTC)


def tariff(price, currency="USD"):
    if price is None:
        return Tariff(state=State.UNPRICED)
    exact = Decimal(price)
    return Tariff(
        state=State.PRICED, rate_id="rat_1", currency=currency, list_price=exact, price=exact, billed_price=exact
    )  # fmt: skip


def segments(*pieces):
    """Prices from one time to the next."""
    times = [time for time, _ in pieces]
    return [Segment(start, end, tariff(price))
            for (start, price), end in zip(pieces, [*times[1:], START + 99 * DAY], strict=True)]  # fmt: skip


def midnights(days, zone=UTC, start=START):
    first = start.astimezone(zone)
    return [(first + n * DAY).astimezone(UTC) for n in range(days + 1)]


def test_each_day_has_the_price_of_its_hours():
    found = daily_prices(segments((START, "4"), (START + 36 * timedelta(hours=1), "2")), midnights(3), "USD")
    assert found == [4, 3, 2]


def test_a_day_of_25_hours_is_weighted_by_them():
    zone = ZoneInfo("Europe/Berlin")
    start = datetime(2026, 10, 24, 22, tzinfo=UTC)
    found = daily_prices(
        segments((start, "25"), (start + 5 * timedelta(hours=1), "50")), midnights(1, zone, start), "USD"
    )
    assert found == [Fraction(5 * 25 + 20 * 50, 25)]


def test_a_day_without_a_price_for_an_hour_has_none():
    assert daily_prices(segments((START, "4"), (START + DAY, None)), midnights(2), "USD") == [4, None]
    assert daily_prices(segments((START, "4")), midnights(1), "EUR") == [None]


def test_before_the_first_price_the_next_one_stands_in():
    assert filled([None, None, Fraction(3), None, Fraction(5)]) == [3, 3, 3, 5, 5]


def row(state=State.PRICED, cost="1", **dimensions):
    return CostRow(
        org="acme", project=None, metric="llm.tokens", unit="{token}", bucket=START,
        dimensions=tuple(dimensions.values()), state=state, currency=None if cost is None else "USD", grade="exact",
        is_adjustment=False, is_overflow=False, quantity=Decimal(10), cost=None if cost is None else Decimal(cost),
        list_cost=None, billed_cost=None,
    )  # fmt: skip


def test_parts_are_told_apart_by_group_and_by_what_prices_depend_on():
    window = Window(
        start=date(2026, 11, 1), end=date(2026, 12, 1), today=date(2026, 11, 2), first=date(2026, 7, 5),
        horizon=Horizon(days=29, left=Fraction(1)), zone=ZoneInfo("UTC"),
    )  # fmt: skip
    names = ("user", "token.kind", "app.feature")
    rows = [row(a="u1", b="output", c="x"), row(a="u1", b="output", c="y"), row(a="u1", b="cache_read", c="x"),
            row(a="u2", b="output", c="x", cost=None, state=State.UNPRICED),
            row(a="u2", b="output", c="x", cost=None, state=State.SUPERSEDED)]  # fmt: skip
    parts = parts_of(rows, window, ("user",), names, {"llm.tokens": frozenset({"token.kind"})})
    assert [(part.group, part.key.attributes["token.kind"], sum(part.days.values())) for part in parts] == [
        (("u1",), "output", 20), (("u1",), "cache_read", 10), (("u2",), "output", 10),
    ]  # fmt: skip
    assert [part.to_date for part in parts] == [{"USD": 2}, {"USD": 1}, {}]
    assert parts[2].without_price == 10
