"""Who causes what, against brute force: what the database finds of any costs is what one would reckon by hand."""

import asyncio
import uuid
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from conftest import fresh_database
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tallystick_receiver.distribution import THOUSANDTHS, place_of
from tallystick_receiver.identity import org_id_of
from tallystick_receiver.question import Question
from tallystick_receiver.store.cost_subjects import read_subjects
from tallystick_receiver.store.database import Database
from tallystick_receiver.trend import line_of

HOUR = datetime(2026, 10, 5, 7, tzinfo=UTC)
USERS = [None, *(f"u{n}" for n in range(30)), 'o"B\\é\n\u0001', ""]
ASKED = Question(
    org=None, project=None, types=(), start=HOUR, end=HOUR + timedelta(days=1), zone=ZoneInfo("UTC"),
    group_by=("user",), filters={},
)  # fmt: skip
FILL = """
    INSERT INTO cost_scheme VALUES ('llm.tokens', '{}');
    INSERT INTO cost_tariff VALUES (1, 'priced', 'r', '{}', 'USD', 1, 1, 1, '{}', '{}'),
        (2, 'priced', 'r', '{}', 'EUR', 0.001, 0.001, 0.001, '{}', '{}'),
        (3, 'unpriced', NULL, '{}', NULL, NULL, NULL, NULL, '{}', '{}'),
        (4, 'superseded', NULL, '{}', NULL, NULL, NULL, NULL, '{}', '{}')
"""
PRICES = {1: ("USD", Decimal(1)), 2: ("EUR", Decimal("0.001"))}
LINE = """
    INSERT INTO cost_line SELECT $1, $2, 0, 0, 'llm.tokens', '{token}', 1,
        jsonb_strip_nulls(jsonb_build_object('user.id', $3::text, 'otel.metric.overflow',
                                             CASE WHEN $4::bool THEN 'true' END)),
        'llm.tokens', 'exact', 1, 1, 1, 1
"""
COST = """
    INSERT INTO usage_cost SELECT $1, $2::timestamptz, $3, 0, 0, $4, $5::numeric, $5::numeric * t.price
    FROM cost_tariff t WHERE t.tariff_id = $4
"""
amounts = st.one_of(
    st.integers(0, 50), st.integers(0, 10**19), st.decimals("0", "9", places=9), st.integers(-3, -1),
    st.just(Decimal("1e-12")),
)  # fmt: skip
lines = st.tuples(
    st.one_of(st.sampled_from(USERS[:3]), st.sampled_from(USERS)), st.sampled_from([False, False, False, True]),
    st.sampled_from([1, 1, 1, 2, 3, 4]), amounts, st.sampled_from([0, 0, 0, -30, -27 * 24]),
)  # fmt: skip
histories = st.one_of(st.lists(lines, max_size=5), st.lists(lines, min_size=20, max_size=60))


@pytest.fixture(scope="module")
def real(template):
    """(loop, database, connection) for all examples; each has an organisation of its own."""
    loop = asyncio.new_event_loop()
    with fresh_database(template) as url:
        database = Database(url)
        loop.run_until_complete(database.open())
        connection = loop.run_until_complete(asyncpg.connect(url, server_settings={"timezone": "UTC"}))
        loop.run_until_complete(connection.execute(FILL))
        yield loop, database, connection
        loop.run_until_complete(connection.close())
        loop.run_until_complete(database.close())
    loop.close()


async def stored(connection, org, wanted):
    number = org_id_of(org)
    await connection.execute("INSERT INTO usage_org VALUES ($1, $2)", number, org)
    for dims, (user, is_overflow, tariff, amount, hours) in enumerate(wanted):
        await connection.execute(LINE, number, dims, user, is_overflow)
        hour = HOUR + timedelta(hours=hours)
        await connection.execute(COST, number, hour, dims, tariff, Decimal(amount))


def by_hand(wanted, start, end):
    """Cost by currency and user; and of all, by currency."""
    subjects, totals = defaultdict(lambda: defaultdict(Fraction)), defaultdict(Fraction)
    for user, is_overflow, tariff, amount, hours in wanted:
        if tariff not in PRICES or not start <= HOUR + timedelta(hours=hours) < end:
            continue
        currency, price = PRICES[tariff]
        totals[currency] += Fraction(amount) * Fraction(price)
        if user is not None and not is_overflow:
            subjects[currency][user] += Fraction(amount) * Fraction(price)
    return subjects, totals


def gini_by_hand(costs):
    """The mean absolute difference of all pairs, half of it, by the mean."""
    n, total = len(costs), sum(costs, Fraction())
    return sum((abs(a - b) for a in costs for b in costs), Fraction()) / (2 * n * total)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=histories, limit=st.integers(0, 40))
@example(
    wanted=[("u1", False, 1, 5, 0), ("u1", True, 1, 7, -30), ("u1", False, 1, 1, -30), ("u1", True, 1, 9, 0)], limit=5
)
def test_ranks_shares_and_gini_are_those_of_brute_force(real, wanted, limit):
    loop, database, connection = real
    org = uuid.uuid4().hex
    loop.run_until_complete(stored(connection, org, wanted))
    asked = replace(ASKED, org=org)
    found = loop.run_until_complete(
        read_subjects(database, asked, HOUR + timedelta(days=2), costliest=limit, with_before=True)
    )
    subjects, totals = by_hand(wanted, asked.start, asked.end)
    before, _ = by_hand(wanted, asked.start - timedelta(weeks=4), asked.start)
    assert set(found.spreads) == set(subjects)
    for currency, costs in subjects.items():
        spread = found.spreads[currency]
        ordered = sorted(costs.values())
        n, total = len(ordered), sum(ordered, Fraction())
        assert (spread.subjects, spread.cost, spread.least, spread.most) == (n, total, ordered[0], ordered[-1])
        for thousandths in THOUSANDTHS:
            place = next(k for k in range(1, n + 1) if Fraction(k, n) >= Fraction(thousandths, 1000))
            mark = spread.marks[thousandths]
            assert place == place_of(thousandths, n)
            assert (mark.place, mark.cost, mark.running) == (place, ordered[place - 1], sum(ordered[:place]))
        assert spread.top_1 == sum(ordered[-n // 100 :])
        assert spread.top_10 == sum(ordered[-n // 10 :])
        if total > 0 and ordered[0] >= 0:
            assert spread.gini == Decimal(round(gini_by_hand(ordered) * 10**6)).scaleb(-6)
            assert all(y is not None and 0 <= y <= x <= 1 for x, y in spread.lorenz())
        else:
            assert spread.gini is None
        listed = [one for one in found.costliest if one.currency == currency]
        expected = sorted(costs.items(), key=lambda pair: (-pair[1], pair[0]))[:limit]
        assert [(one.dimensions[0], one.cost) for one in listed] == expected
        assert [one.before for one in listed] == [before[currency].get(user, 0) for user, _ in expected]
        flagged = {
            user for user, cost in costs.items() if spread.is_outlier(Decimal(cost.numerator) / cost.denominator)
        }
        below, median = ordered[: n - -(n // -20)], ordered[-(n // -2) - 1]
        assert flagged == {user for user, cost in costs.items() if below and cost > below[-1] and cost > 3 * median}
    sums_found = defaultdict(Fraction)
    for row in found.costs.rows:
        if row.cost is not None:
            sums_found[row.currency] += Fraction(row.cost)
    assert dict(sums_found) == dict(totals), "subjects and what is nobody's are everything"


@given(st.lists(st.decimals(-(10**9), 10**9, places=6), max_size=30))
def test_a_line_is_the_one_with_the_least_squares(values):
    line = line_of(values)
    if line is None:
        assert len(values) < 3
        return
    exact = [Fraction(value) for value in values]
    middle = Fraction(len(exact) - 1, 2)

    def missed(slope):
        return sum((y - line.mean - slope * (x - middle)) ** 2 for x, y in enumerate(exact))

    assert all(missed(line.slope) <= missed(line.slope + step) for step in (Fraction(1, 100), Fraction(-1, 100)))
    assert line.r2 == (1 - missed(line.slope) / missed(0) if missed(0) else None)
