"""How long a sample of a level holds: every end of it, and what is kept of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import permutations

import pytest
from held_levels import LONG_AFTER, Sample, ns_of, question, store

from tallystick_receiver.holding import Hold
from tallystick_receiver.store.database import connected
from tallystick_receiver.store.rebuild import rebuild_rollups
from tallystick_receiver.store.statements import statement

pytestmark = pytest.mark.editions
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
SECOND = 10**9
MINUTE = 60 * SECOND
HOUR = Hold(seconds=3600, now_ns=LONG_AFTER)


def at(minutes, value, disk="a", writer="w", ns=0):
    return Sample(ns_of(NOON) + int(minutes * MINUTE) + ns, value, disk, writer)


def minute(minutes):
    return NOON + timedelta(minutes=minutes)


@pytest.fixture
async def subject(database_url):
    async with store(database_url) as opened:
        yield opened


async def held(subject, lower, upper, *group_by, hold=HOUR, org="acme"):
    """Integral in unit x minutes and covered minutes of each row."""
    usage = await subject.ask(question(org, minute(lower), minute(upper), *group_by), hold)
    return [(row.level.integral / MINUTE, Decimal(row.level.covered_ns) / MINUTE) for row in usage.rows]


async def test_a_sample_holds_until_the_next_one_and_no_longer_than_the_longest_hold(subject):
    await subject.send("acme", [at(0, 6), at(10, 2), at(100, 9)])
    for _ in range(2):
        assert await held(subject, -60, 240) == [(6 * 10 + 2 * 60 + 9 * 60, 10 + 60 + 60)]
        assert await held(subject, 0, 10) == [(60, 10)]
        assert await held(subject, 10, 70) == [(120, 60)]
        assert await held(subject, 70, 100) == [(0, 0)]  # the sample at 100 is in (70, 100], and holds from then on
        assert await held(subject, 71, 99) == []
        two_hours = Hold(seconds=7200, now_ns=LONG_AFTER)
        assert await held(subject, 71, 99, hold=two_hours) == [(2 * 28, 28)]
        await subject.roll()


async def test_a_sample_on_the_border_belongs_to_the_window_before_and_holds_in_the_window_after(subject):
    await subject.send("acme", [at(0, 6), at(30, 2)])
    for _ in range(2):
        before = (await subject.ask(question("acme", minute(15), minute(30)), HOUR)).rows
        after = (await subject.ask(question("acme", minute(30), minute(45)), HOUR)).rows
        assert [(r.quantity, r.points, r.level.integral / MINUTE) for r in before] == [(2, 1, 6 * 15)]
        assert [(r.quantity, r.points, r.level.integral / MINUTE) for r in after] == [(None, 0, 2 * 15)]
        assert (after[0].level.lowest, after[0].level.highest, after[0].level.average) == (None, None, 2)
        await subject.roll()


async def test_a_window_finer_than_a_quarter_reads_the_samples_themselves(subject):
    await subject.send("acme", [at(0, 6), at(1, 2), at(2, 4), at(3, 0)])
    for _ in range(2):
        assert await held(subject, 0.5, 2.5) == [(Decimal("0.5") * 6 + 2 + Decimal("0.5") * 4, 2)]
        assert await held(subject, 3, 8) == [(0, 5)]
        await subject.roll()


async def test_the_future_is_not_covered(subject):
    await subject.send("acme", [at(0, 6), at(10, 2), at(20, 5)])
    for _ in range(2):
        for now, expected in ((15, (70, 15)), (10, (60, 10)), (20, (80, 20)), (30, (130, 30)), (500, (380, 80))):
            hold = Hold(seconds=3600, now_ns=ns_of(minute(now)))
            assert await held(subject, 0, 1440, hold=hold) == [expected]
        hold = Hold(seconds=3600, now_ns=ns_of(minute(-5)))
        assert await held(subject, 0, 1440, hold=hold) == [(0, 0)]
        await subject.roll()


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_of_several_samples_at_one_time_the_greatest_holds_whatever_the_order(subject, order):
    samples = [at(0, 7, writer="w"), at(0, 9, writer="v"), at(0, -3, writer="u")]
    later = [at(5, 1), at(10, 0)]
    for number, position in enumerate(order):
        await subject.send("acme", [samples[position], *later[: 2 * (number == 1)]])
        if number < 2:
            await subject.roll()
    for _ in range(2):
        assert await held(subject, -15, 15) == [(9 * 5 + 5, 15)]
        await subject.roll()


async def test_ties_at_the_last_time_that_was_rolled_up_are_settled_again(subject):
    await subject.send("acme", [at(1, 1), at(5, 9)])
    await subject.roll()
    await subject.send("acme", [at(5, 3, writer="v"), at(10, 0)])
    for _ in range(2):
        assert await held(subject, 0, 15) == [(1 * 4 + 9 * 5, 14)]
        await subject.roll()


async def test_ties_at_the_first_time_that_was_rolled_up_are_settled_again(subject):
    await subject.send("acme", [at(5, 1), at(10, 0)])
    await subject.roll()
    await subject.send("acme", [at(1, 2), at(5, 9, writer="v")])
    for _ in range(2):
        assert await held(subject, 0, 15) == [(2 * 4 + 9 * 5, 14)]
        await subject.roll()


async def test_a_late_sample_that_is_rolled_up_before_a_later_one_that_waits_counts_nothing_twice(subject):
    await subject.send("acme", [at(1, 1), at(5, 9)])
    await subject.roll()
    await subject.send("acme", [at(3, 4)])
    await subject.send("acme", [at(10, 2)])
    for _ in range(3):
        assert await held(subject, 0, 15) == [(1 * 2 + 4 * 2 + 9 * 5 + 2 * 5, 14)]
        await subject.roll(1)


async def test_a_row_over_several_sets_sums_their_integrals_and_is_covered_while_any_is(subject):
    await subject.send("acme", [at(0, 6), at(10, 6, disk="b"), at(20, 0), at(30, 0, disk="b")])
    hold = Hold(seconds=3600, now_ns=ns_of(minute(40)))
    for _ in range(2):
        assert await held(subject, -60, 60, hold=hold) == [(6 * 20 + 6 * 20, 40)]
        assert await held(subject, -60, 60, "disk", hold=hold) == [(120, 40), (120, 30)]
        await subject.roll()


async def test_organisations_are_integrated_apart_and_their_total_is_the_sum(subject):
    await subject.send("acme", [at(0, 6), at(10, 0)])
    await subject.send("globex", [at(5, 3), at(20, 0)])
    hold = Hold(seconds=900, now_ns=ns_of(minute(20)))
    for _ in range(2):
        asked = replace(question("acme", minute(0), minute(60)), org=None, group_by=("org", "project"))
        usage = await subject.ask(asked, hold)
        rows = {(r.org, r.project): (r.level.integral / MINUTE, r.level.covered_ns // MINUTE) for r in usage.rows}
        assert rows == {("acme", None): (60, 20), ("globex", None): (45, 15)}
        [total] = usage.totals
        assert (total.level.integral / MINUTE, total.level.covered_ns // MINUTE) == (105, 20)
        assert total.level.average == Decimal("5.25")
        await subject.roll()


async def test_hours_that_only_an_earlier_sample_covers_have_rows_too(subject):
    await subject.send("acme", [at(30, 6), at(600, 1)])
    long = Hold(seconds=3 * 3600, now_ns=LONG_AFTER)
    for _ in range(2):
        usage = await subject.ask(question("acme", minute(0), minute(300), "hour"), long)
        rows = {r.bucket.hour: (r.points, r.level.integral / MINUTE, r.level.covered_ns // MINUTE) for r in usage.rows}
        assert rows == {12: (1, 180, 30), 13: (0, 360, 60), 14: (0, 360, 60), 15: (0, 180, 30)}
        [total] = usage.totals
        assert (total.quantity, total.level.integral / MINUTE, total.level.average) == (6, 1080, 6)
        await subject.roll()


async def test_where_quarters_were_dropped_nothing_is_said_of_time_but_samples_stay(subject, database_url):
    await subject.send("acme", [at(0, 6), at(12 * 60 - 20, 4), at(12 * 60 + 10, 8), at(13 * 60, 1)])
    await subject.roll()
    midnight = minute(12 * 60)
    async with connected(database_url) as connection:
        await connection.execute("DELETE FROM usage_quarter_hourly WHERE quarter < $1", midnight)
        await connection.execute(statement("write_retention"), "usage_quarter_hourly", midnight)
    usage = await subject.ask(question("acme", minute(-720), minute(36 * 60), "day"), HOUR)
    figures = {r.bucket.day: (r.quantity, r.level.integral, r.level.covered_ns) for r in usage.rows}
    # The last sample of the dropped day holds into the next one.
    expected = 4 * 10 + 8 * 50 + 1 * 60
    assert figures == {4: (4, None, None), 5: (1, expected * MINUTE, 120 * MINUTE)}
    [total] = usage.totals
    assert (total.quantity, total.level.integral, total.level.average) == (1, None, None)
    assert await held(subject, 12 * 60, 36 * 60) == [(expected, 120)]


async def test_rebuilding_gives_the_same_integrals(subject, database_url):
    samples = [at(n * n % 977, n % 13, disk="ab"[n % 2]) for n in range(60)]
    await subject.send("acme", samples[::2])
    await subject.roll()
    await subject.send("acme", samples[1::2])
    before = await held(subject, 0, 1440, "hour", "disk")
    async with connected(database_url) as connection:
        day = NOON.replace(hour=0)
        await rebuild_rollups(connection, start=day, end=day + timedelta(days=2))
        assert (await connection.fetchval("SELECT count(*) FROM usage_delta")) == 0
    assert await held(subject, 0, 1440, "hour", "disk") == before


async def test_zero_is_covered_and_nothing_known_is_not(subject):
    await subject.send("acme", [at(0, 0)])
    assert await held(subject, 0, 1440) == [(0, 60)]
    assert await held(subject, 1440, 2880) == []
