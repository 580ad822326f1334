"""Whole days of levels, read as one row or two: when they are, when not, and that no answer changes by it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from held_levels import LONG_AFTER, Sample, answered, answered_samples, counted, integrated, ns_of, question, store

from tallystick_receiver.holding import Hold
from tallystick_receiver.horizons import Kept
from tallystick_receiver.store.database import connected
from tallystick_receiver.store.integrate import Integrator, integrate_again, integrate_days
from tallystick_receiver.store.rebuild import rebuild_rollups
from tallystick_receiver.store.statements import statement
from tallystick_receiver.store.upkeep import StoragePlan, keep_up
from tallystick_receiver.store.verify import verify

pytestmark = pytest.mark.editions
FIRST = datetime(2026, 10, 23, tzinfo=UTC)
"""Two days before summer time ends in Europe."""
DAYS = 4
DAY = timedelta(days=1)
END = FIRST + DAYS * DAY
MINUTE = 60 * 10**9
HOUR = Hold(seconds=3600, now_ns=LONG_AFTER)
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Kiritimati")
GROUPS = (("type",), ("day", "disk"), ("hour",), ("week",))
WINDOWS = (
    (timedelta(), DAYS * DAY), (-DAY, (DAYS + 1) * DAY),
    (timedelta(hours=5, minutes=7), 3 * DAY - timedelta(minutes=20)),
    (DAY, 2 * DAY), (timedelta(hours=22), 2 * DAY + timedelta(hours=22)), (timedelta(hours=1), timedelta(hours=9)),
)  # fmt: skip


def at(minutes, value, disk="a", writer="w", ns=0):
    return Sample(ns_of(FIRST) + int(minutes * MINUTE) + ns, value, disk, writer)


def regular(step, disk, skipped=()):
    """A sample each `step` minutes, at all sorts of places within their quarters, but in some hours of the window."""
    times = range(step, DAYS * 1440, step)
    return [at(t, (t * 7919) % 101 - 50, disk, ns=t % 3 - 1) for t in times if (t - 1) // 60 not in skipped]


SAMPLES = [*regular(30, "a"), *regular(45, "b", skipped={30, 31, 32, 71, 72}), *regular(60, "c"), at(1440, 7, "d")]


@pytest.fixture
async def subject(database_url):
    async with store(database_url) as opened:
        yield opened


@pytest.fixture
async def filled(subject):
    await subject.send("acme", SAMPLES)
    await subject.roll()
    return subject


async def compare(
    subject, sent, holds=(HOUR,), zones=("UTC", "Europe/Berlin"), windows=WINDOWS[1:3], groups=GROUPS[:2]
):
    """Windows, buckets and zones against the model."""
    for hold in holds:
        for lower, upper in windows:
            for zone in zones:
                for group_by in groups:
                    asked = question("acme", FIRST + lower, FIRST + upper, *group_by, zone=zone)
                    usage = await subject.ask(asked, hold)
                    assert answered(usage, asked) == integrated(sent, asked, hold), (asked, hold)
                    assert answered_samples(usage, asked) == counted(sent, asked), (asked, hold)
                    whole, total = replace(asked, group_by=("type",)), replace(usage, rows=usage.totals)
                    assert answered(total, whole) == integrated(sent, whole, hold)
                    assert answered_samples(total, whole) == counted(sent, whole)


async def execute(database_url, sql, *arguments):
    async with connected(database_url) as connection:
        return await connection.execute(sql, *arguments)


async def differences(database_url):
    async with connected(database_url) as connection:
        found = await verify(connection, start=FIRST, end=END + DAY)
    return {(difference.check, difference.at) for difference in found.differences}


async def test_no_answer_changes_when_days_are_integrated(filled, database_url):
    await compare(filled, SAMPLES)
    assert await filled.integrate(FIRST + 2 * DAY) == 2
    await compare(filled, SAMPLES)
    assert await filled.integrate(END) == 2
    await compare(filled, SAMPLES, zones=ZONES, windows=WINDOWS, groups=GROUPS)
    assert await filled.integrate(END) == 0
    assert await differences(database_url) == set()


async def test_gaps_wider_than_the_hold_make_a_day_quarters_again(filled):
    await filled.integrate(END)
    holds = [Hold(seconds=seconds, now_ns=LONG_AFTER) for seconds in (900, 3599, 4 * 3600, 86_400)]
    await compare(filled, SAMPLES, holds)


async def test_a_day_that_is_not_over_for_whoever_asks_is_quarters(filled):
    await filled.integrate(END)
    holds = [Hold(seconds=7200, now_ns=ns_of(FIRST + now)) for now in (1.5 * DAY, 3 * DAY - timedelta(minutes=7))]
    await compare(filled, SAMPLES, holds)


async def test_late_samples_make_their_day_void_while_they_wait_and_when_they_are_rolled_up(filled, database_url):
    await filled.integrate(END)
    sent = list(SAMPLES)
    for late in ([at(715, 40), at(701, -60, "b")], [at(1439, 99, "new")], [at(2880, 1000, writer="v", ns=-1)]):
        await filled.send("acme", late)
        sent += late
        await compare(filled, sent)
        await filled.roll(1)
        await compare(filled, sent)
        await filled.roll()
        await compare(filled, sent)
        assert await differences(database_url) == set()
        assert await filled.integrate(END) == 1
        await compare(filled, sent)
        assert await differences(database_url) == set()


async def integral(subject, *group_by, zone="UTC", hold=HOUR):
    usage = await subject.ask(question("acme", FIRST - DAY, END + DAY, *group_by, zone=zone), hold)
    return sum(row.level.integral for row in usage.rows)


RAISE = "UPDATE usage_daily SET integral = integral + 1"
RAISE_HOURS = """
    UPDATE usage_level_hours SET integral[cardinality(integral)] = integral[cardinality(integral)] + 1
    WHERE points[cardinality(points)] = 48
"""
"""The set of a sample each half hour, on days of which both halves have several."""


@pytest.mark.parametrize(
    ("group_by", "zone"), [(("type",), "UTC"), (("type",), "Europe/Berlin"), (("day",), "UTC"), (("week",), "UTC")]
)
async def test_days_are_read_as_one_row_where_no_bucket_cuts_them(filled, database_url, group_by, zone):
    await filled.integrate(END)
    before = await integral(filled, *group_by, zone=zone, hold=Hold(seconds=86_400, now_ns=LONG_AFTER))
    rows = int((await execute(database_url, RAISE)).split()[-1])
    assert rows == 3 * DAYS + 1
    after = await integral(filled, *group_by, zone=zone, hold=Hold(seconds=86_400, now_ns=LONG_AFTER))
    assert after == before + rows


async def test_days_that_a_local_midnight_cuts_are_read_as_two_halves_of_one_row(filled, database_url):
    await filled.integrate(END)
    long = Hold(seconds=86_400, now_ns=LONG_AFTER)
    before = await integral(filled, "day", zone="Europe/Berlin", hold=long)
    rows = int((await execute(database_url, RAISE_HOURS)).split()[-1])
    assert rows == DAYS - 1
    assert await integral(filled, "day", zone="Europe/Berlin", hold=long) == before + rows
    assert await integral(filled, "day", zone="Asia/Kathmandu", hold=long) == before
    assert await integral(filled, "hour", zone="Europe/Berlin", hold=long) == before


async def test_what_another_version_rolls_up_makes_a_day_void_though_it_knows_nothing_of_it(filled, database_url):
    await filled.integrate(END)
    long = Hold(seconds=86_400, now_ns=LONG_AFTER)
    before = await integral(filled, "day", hold=long)
    await execute(database_url, RAISE)
    await execute(database_url, "UPDATE usage_daily SET points = points + 1")
    assert await integral(filled, "day", hold=long) == before


async def test_verify_finds_figures_of_a_day_that_its_quarters_do_not_give(filled, database_url):
    await filled.integrate(END)
    assert await differences(database_url) == set()
    columns = ("integral = integral + 1", "first_ns = first_ns + 1", "widest_ns = widest_ns - 1")
    for n, column in enumerate(columns):
        await execute(database_url, f"UPDATE usage_daily SET {column} WHERE day = $1", FIRST + n * DAY)
    assert await differences(database_url) == {("day_integrals", FIRST + n * DAY) for n in range(len(columns))}
    await filled.integrate(END)
    async with connected(database_url) as connection:
        await rebuild_rollups(connection, start=FIRST, end=END)
    assert await differences(database_url) == set()
    arrays = (
        "last", "integral", "points", "lowest_until", "highest_until", "lowest_from", "highest_from", "first_ns",
        "last_ns",
    )  # fmt: skip
    for array in arrays:
        await execute(database_url, f"UPDATE usage_level_hours SET {array}[1] = {array}[1] + 1 WHERE day = $1", FIRST)
        assert await differences(database_url) == {("day_integrals", FIRST)}
        await execute(database_url, f"UPDATE usage_level_hours SET {array}[1] = {array}[1] - 1 WHERE day = $1", FIRST)
    await execute(database_url, "DELETE FROM usage_level_hours WHERE day = $1", FIRST)
    assert await differences(database_url) == {("day_integrals", FIRST)}


async def test_rebuilding_a_day_integrates_it(filled, database_url):
    async with connected(database_url) as connection:
        await rebuild_rollups(connection, start=FIRST, end=END, org="acme")
    assert await filled.integrate(END) == 0
    await compare(filled, SAMPLES)
    assert await differences(database_url) == set()


def plan_of(hourly_days):
    kept = Kept(late_seconds=3600, points_days=1, hourly_days=hourly_days, daily_days=0)
    return StoragePlan(kept=kept, chunk=DAY, columnstore_after=DAY)


async def test_the_upkeep_integrates_days_that_are_over_and_what_it_knows_outlives_their_quarters(filled, database_url):
    integrated_days = "SELECT day, count(*) FROM usage_daily WHERE integrated_points = points GROUP BY day ORDER BY day"
    now = ns_of(FIRST + 2 * DAY + timedelta(hours=3))
    async with connected(database_url) as connection:
        await keep_up(connection, plan_of(0), now)
        assert [day for day, _ in await connection.fetch(integrated_days)] == [FIRST, FIRST + DAY]
        before = await connection.fetch("SELECT * FROM usage_daily WHERE day = $1 ORDER BY dims_id", FIRST)
        await keep_up(connection, plan_of(1), now)
        assert await connection.fetchval("SELECT min(quarter) FROM usage_quarter_hourly") >= FIRST + DAY
        assert await connection.fetchval("SELECT min(day) FROM usage_level_hours") == FIRST + DAY
        # What was integrated stays, and nothing is made of quarters that are gone.
        await connection.execute("UPDATE usage_daily SET integrated_points = NULL WHERE day = $1 AND dims_id = $2",
                                 FIRST, before[0]["dims_id"])  # fmt: skip
        await keep_up(connection, plan_of(1), now)
        after = await connection.fetch("SELECT * FROM usage_daily WHERE day = $1 ORDER BY dims_id", FIRST)
        assert [dict(row) for row in after[1:]] == [dict(row) for row in before[1:]]
        assert dict(after[0]) == dict(before[0]) | {"integrated_points": None}
    asked = question("acme", FIRST, END, "day")
    rows = (await filled.ask(asked, HOUR)).rows
    assert {row.bucket.day: row.level.integral is None for row in rows} == {23: True, 24: False, 25: False, 26: False}


async def test_of_a_day_whose_quarters_are_being_dropped_nothing_is_computed(filled, database_url):
    await filled.integrate(END)
    figures = "SELECT * FROM usage_daily WHERE day = $1 ORDER BY dims_id"
    async with connected(database_url) as connection:
        before = await connection.fetch(figures, FIRST)
        await connection.execute(statement("write_retention"), "usage_quarter_hourly", FIRST + DAY)
        await connection.execute("DELETE FROM usage_quarter_hourly WHERE quarter < $1", FIRST + 0.5 * DAY)
        await integrate_again(connection, FIRST, None)
        assert await connection.fetch(figures, FIRST) == before


async def test_a_leader_looks_at_everything_once_and_then_at_what_late_samples_may_reach(filled, database_url):
    integrator = Integrator(2 * DAY)
    async with connected(database_url) as connection:
        await integrator.integrate(connection, END)
        assert await connection.fetchval("SELECT count(*) FROM usage_daily WHERE integrated_points = points") == 13
        await connection.execute("UPDATE usage_daily SET integrated_points = NULL")
        await integrator.integrate(connection, END)
        days = "SELECT DISTINCT day FROM usage_daily WHERE integrated_points = points ORDER BY day"
        assert [day for (day,) in await connection.fetch(days)] == [END - 2 * DAY, END - DAY]


async def test_a_quarter_without_an_integral_leaves_its_day_to_its_quarters(filled, database_url):
    noon = FIRST + 1.5 * DAY
    await execute(database_url, "UPDATE usage_quarter_hourly SET integral = NULL WHERE quarter BETWEEN $1 AND $2",
                  noon, noon + timedelta(hours=1))  # fmt: skip
    for _ in range(2):
        rows = (await filled.ask(question("acme", FIRST, END, "day"), HOUR)).rows
        assert {row.bucket.day: row.level.integral is None for row in rows} == {
            23: False, 24: True, 25: False, 26: False,
        }  # fmt: skip
        await filled.integrate(END)


async def test_organisations_are_integrated_apart(filled):
    others = [sample._replace(value=sample.value + 1) for sample in SAMPLES if sample.disk != "b"]
    await filled.integrate(END)
    await filled.send("globex", others)
    await filled.roll()
    for _ in range(2):
        for group_by in (("org",), ("org", "day"), ("day",)):
            for zone in ("UTC", "Europe/Berlin"):
                asked = replace(question("acme", FIRST, END, *group_by, zone=zone), org=None)
                usage = await filled.ask(asked, HOUR)
                whole = question("acme", FIRST, END)
                sums = [integrated(s, whole, HOUR)[None, None][0] for s in (SAMPLES, others)]
                assert sum(row.level.integral for row in usage.rows) == sum(sums)
                assert [total.level.integral for total in usage.totals] == [sum(sums)]
        await filled.integrate(END)


async def test_integrating_waits_for_whoever_rolls_up_and_loses_nothing(filled, database_url):
    """A sample that is rolled up while a day is integrated is in it, or makes it void."""
    async with connected(database_url) as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("LOCK TABLE usage_daily IN ROW EXCLUSIVE MODE")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await integrate_impatiently(database_url)
        await transaction.rollback()
    await integrate_impatiently(database_url)
    await compare(filled, SAMPLES)


async def integrate_impatiently(database_url):
    async with connected(database_url) as connection:
        await connection.execute("SET lock_timeout = '50ms'")
        await integrate_days(connection, FIRST, END)
