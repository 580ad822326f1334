"""The plan of every question: the partitions or chunks of its window only, indexes, and no scan of all points."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from filled import DAYS, FIRST, INDEXED, points_of

from tallystick_receiver.definitions import Aggregation, MetricDefinition, Reset, SeenMetric
from tallystick_receiver.holding import Hold, hold_ranges
from tallystick_receiver.identity import org_id_of
from tallystick_receiver.periods import period_of
from tallystick_receiver.question import Question
from tallystick_receiver.ranges import WholeDays, ranges_of, whole_days
from tallystick_receiver.store import integrals, scene
from tallystick_receiver.store.allowance import Asked, read_allowance
from tallystick_receiver.store.breakdown import read_breakdown
from tallystick_receiver.store.completeness import Scope, read_completeness
from tallystick_receiver.store.export import slices
from tallystick_receiver.store.figures import Reading, read_figures
from tallystick_receiver.store.usage import read_usage

pytestmark = pytest.mark.editions


ROLLUPS = {"usage_quarter_hourly", "usage_total_hourly", "usage_daily", "usage_total_daily"}
GROWING = ROLLUPS | {"usage_level_hours", "usage_delta", "usage_gap", "usage_copy", "usage_presence"}
NOW = FIRST + timedelta(days=30, hours=23, minutes=59)
HOLD = Hold(seconds=3600, now_ns=int(NOW.timestamp()) * 10**9)
SEEN = [
    SeenMetric(metric_id=100 + n, key=f"metric.{n}", unit="By", kind="level" if n == 1 else "sum") for n in (1, 2, 3)
]


def question(start, end, *group_by, zone="UTC", **chosen):
    return Question(**{"org": "acme", "project": None, "types": (), "filters": {}} | chosen, start=start, end=end,
                    zone=ZoneInfo(zone), group_by=group_by)  # fmt: skip


def totals_arguments(asked, metrics=(102, 103)):
    ranges = ranges_of(asked.start, asked.end, asked.unit, asked.zone, hourly=True)
    common = scene._common(asked, [org_id_of("acme")], list(metrics), ranges)
    return (*common, *scene.columns(ranges.hours), *scene.columns(ranges.days), 1000)


def dims_arguments(asked, metrics=(102, 103)):
    ranges = ranges_of(asked.start, asked.end, asked.unit, asked.zone, hourly=False)
    common = scene._common(asked, [org_id_of("acme")], list(metrics), ranges)
    return (*common, *scene._by_dims(asked, ranges), 1000)


def whole_of(asked):
    cut = 22 if asked.zone.key == "Europe/Berlin" else None
    days = whole_days(asked.start, asked.end, asked.unit)
    each = [days[0] + timedelta(days=n) for n in range((days[1] - days[0]).days)] if cut else []
    return WholeDays(days=days, cuts=dict.fromkeys(each, cut))


def integral_arguments(asked, *orgs):
    hold = Hold(seconds=3600, now_ns=2**62)
    whole = whole_of(asked)
    ranges = hold_ranges(asked.start, asked.end, hold, datetime(1, 1, 1, tzinfo=UTC), whole)
    late = integrals.no_late_quarters()
    chosen = list(orgs) or [org_id_of("acme")]
    return integrals.integral_arguments(asked, chosen, [101], ranges, hold, late, 1000, whole, totals=True)


def levels_arguments(asked, *orgs):
    metrics = {101: {"key": "metric.1", "unit": "By", "kind": "level"}}
    of_levels = scene.Scene(connection=None, kept_from=KEPT, metrics=metrics, orgs=list(orgs) or [org_id_of("acme")])
    return scene.samples_statement(of_levels, asked, 1000, whole_of(asked), totals=True)[1]


KEPT = dict.fromkeys(
    ("usage_point", "usage_quarter_hourly", "usage_total_hourly", "usage_daily"), FIRST - timedelta(365)
)
MONTH = (FIRST, FIRST + timedelta(days=DAYS))
RAGGED = (FIRST + timedelta(days=3, minutes=7), FIRST + timedelta(days=20, minutes=52))


def test_a_month_by_day_reads_daily_totals_by_index_and_no_point(plan):
    scans = plan("read_usage_totals", *totals_arguments(question(*MONTH, "type", "day")))
    assert points_of(scans) == []
    how = {relation: (node, index) for node, relation, index in scans}
    assert how["usage_total_daily"][1] == "usage_total_daily_pk"
    assert how["usage_delta"][1] == "usage_delta_org"


def test_local_days_read_hours_and_kathmandu_s_quarters_by_index(plan):
    hours = plan("read_usage_totals", *totals_arguments(question(*MONTH, "day", zone="Europe/Berlin")))
    quarters = plan("read_usage_totals", *totals_arguments(question(*MONTH, "day", zone="Asia/Kathmandu")))
    assert points_of(hours + quarters) == []
    assert ("usage_total_hourly", "usage_total_hourly_pk") in {scan[1:] for scan in hours}
    assert {(relation, index) for _, relation, index in quarters} >= {
        ("usage_quarter_hourly", "usage_quarter_hourly_pk")
    }


def distinct_arguments(asked):
    orgs, metrics, project, _unit, _zone, *others, _limit = dims_arguments(asked)
    return (orgs, metrics, project, *others, "region")


def test_distinct_values_of_a_month_are_read_by_index_and_from_no_point(plan):
    scans = plan("read_distinct", *distinct_arguments(question(*MONTH)))
    assert len({relation for _, relation, _ in points_of(scans)}) <= 1
    assert {node for node, relation, _ in scans if relation in GROWING} <= INDEXED


def test_distinct_values_between_ragged_ends_read_the_points_of_two_days_by_their_index(plan):
    points = points_of(plan("read_distinct", *distinct_arguments(question(*RAGGED))))
    assert len({relation for _, relation, _ in points}) == 2
    assert {node for node, _, _ in points} <= INDEXED


@pytest.mark.parametrize("name", ["read_usage_totals", "read_usage_by_dims", "read_levels"])
def test_ragged_ends_read_the_points_of_two_days_by_their_index(plan, name):
    if name == "read_usage_totals":
        scans = plan(name, *totals_arguments(question(*RAGGED, "type")))
    else:
        arguments = levels_arguments if name == "read_levels" else dims_arguments
        scans = plan(name, *arguments(question(*RAGGED, "region")))
    points = points_of(scans)
    assert len({relation for _, relation, _ in points}) == 2
    assert {node for node, _, _ in points} <= INDEXED
    assert {relation for node, relation, _ in scans if node == "Seq Scan"} <= {
        "usage_dims", "usage_series", "usage_project", "usage_org", "usage_metric",
    }  # fmt: skip


@pytest.mark.parametrize("group", ["type", "day"])
def test_a_month_of_a_level_is_integrated_from_quarters_by_index_and_no_point(plan, group):
    scans = plan("read_integrals", *integral_arguments(question(*MONTH, group)))
    # The two ranges of ragged ends are empty here: constants say so, and one empty partition is looked at, at most.
    assert len({relation for _, relation, _ in points_of(scans)}) <= 1
    how = {relation: (node, index) for node, relation, index in scans}
    assert how["usage_quarter_hourly"][1] == "usage_quarter_hourly_level"
    assert how["usage_delta"][1] == "usage_delta_org"


EVERYBODY = [org_id_of("acme") if n == 7 else n for n in range(1, 41)]


@pytest.mark.parametrize("orgs", [[], EVERYBODY], ids=["one", "all"])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
@pytest.mark.parametrize("name", ["read_integrals", "read_levels"])
def test_days_of_levels_are_read_by_index_cut_or_not(plan, name, zone, orgs):
    arguments = integral_arguments if name == "read_integrals" else levels_arguments
    scans = plan(name, *arguments(question(*MONTH, "day", zone=zone), *orgs))
    assert len({relation for _, relation, _ in points_of(scans)}) <= 1
    growing = [scan for scan in scans if scan[1] in GROWING - {"usage_delta"}]
    assert {node for node, _, _ in growing} <= INDEXED
    indexes = {relation: index for _, relation, index in growing}
    assert indexes["usage_daily"] == "usage_daily_pk"
    assert indexes["usage_quarter_hourly"] == "usage_quarter_hourly_level"
    assert indexes["usage_level_hours"] == "usage_level_hours_pk"


def test_days_are_integrated_from_their_own_quarters_by_index(plan):
    scans = plan("integrate_days", [org_id_of("acme")] * 2, [FIRST, FIRST + timedelta(days=1)])
    indexes = {(relation, index) for _, relation, index in scans if relation in GROWING}
    assert indexes == {("usage_quarter_hourly", "usage_quarter_hourly_level"), ("usage_daily", "usage_daily_pk")}


def test_days_that_are_to_be_integrated_are_looked_for_by_index(plan):
    scans = plan("read_open_days", FIRST + timedelta(days=24), FIRST + timedelta(days=31), 10)
    assert {scan[1:] for scan in scans if scan[1] in GROWING} == {("usage_daily", "usage_daily_pk")}


def test_cuts_of_days_are_reckoned_without_a_table(plan):
    assert plan("read_cuts", "day", "Europe/Berlin", *MONTH) == []


def test_ragged_ends_of_a_level_are_integrated_from_the_points_of_two_days_by_their_index(plan):
    scans = plan("read_integrals", *integral_arguments(question(*RAGGED, "region")))
    points = points_of(scans)
    assert len({relation for _, relation, _ in points}) == 2
    assert {node for node, _, _ in points} <= INDEXED


def test_late_samples_are_looked_for_by_index(plan):
    now_ns = int((FIRST + timedelta(days=20)).timestamp()) * 10**9
    scans = plan("read_overlaps", [org_id_of("acme")], [101], [MONTH[0]], [MONTH[1]], now_ns)
    indexes = {
        (relation, index) for _, relation, index in scans if relation.startswith(("usage_quarter", "usage_delta"))
    }
    assert indexes == {("usage_quarter_hourly", "usage_quarter_hourly_level"), ("usage_delta", "usage_delta_org")}
    assert points_of(scans) == []


@pytest.mark.parametrize("name", ["read_samples", "integrate_quarter"])
def test_a_quarter_of_late_samples_reads_the_points_of_one_day_by_their_index(plan, name):
    quarter = FIRST + timedelta(days=9, hours=5)
    scans = plan(name, quarter, quarter + timedelta(minutes=15), [org_id_of("acme")], [101_003])
    points = points_of(scans)
    assert len({relation for _, relation, _ in points}) == 1
    assert {node for node, _, _ in points} <= INDEXED


def reading_of(metric, aggregation):
    definition = MetricDefinition(
        key=metric.key, org=None, name=metric.key, description="", unit=metric.unit, aggregation=aggregation,
        reset=Reset.MONTHLY, is_seen=False, created_at=FIRST, updated_at=FIRST,
        unique="region" if aggregation is Aggregation.UNIQUE else None,
    )  # fmt: skip
    return Reading(definition, [metric])


def figures_of(subject_type, reset, aggregation=Aggregation.COUNT):
    async def run(database):
        subjects = [("acme", name) for name in ("acme", "project", "eu", "us")]
        async with database.reading() as connection, connection.transaction():
            period = period_of(NOW, reset, ZoneInfo("Europe/Berlin"))
            readings = [reading_of(metric, aggregation) for metric in SEEN]
            return await read_figures(connection, period, subject_type, subjects, readings, HOLD)

    return run


def completeness_of(org, types=()):
    async def run(database):
        scope = Scope(start=FIRST + timedelta(days=30), end=NOW, org=org, types=types)
        async with database.reading() as connection:
            return await read_completeness(
                connection, scope, now=NOW, silent_after=timedelta(minutes=3), late=timedelta(days=7)
            )

    return run


def allowance_of(subject_type):
    asks = Asked(org="acme", metric="metric.2", subject_type=subject_type, subject="eu", zone="UTC")
    return lambda database: read_allowance(database, asks, HOLD)


def of_region(region, *group_by):
    return question(*MONTH, *group_by, filters={"region": [region]})


SUMS = ("metric.2", "metric.3")
QUESTIONS = {
    "all organisations by type": lambda d: read_usage(d, question(*MONTH, "org", "type", org=None), HOLD, 9999),
    "breakdown by service": lambda d: read_breakdown(d, question(*MONTH, "service.name"), 9999),
    "all organisations: breakdown by day": lambda d: read_breakdown(d, question(*MONTH, "org", "day", org=None), 9999),
    "summary of a subject": lambda d: read_usage(d, of_region("eu", "type"), HOLD, 9999),
    "page of projects": lambda d: read_usage(d, question(*MONTH, "project", "day", types=SUMS), HOLD, 9999),
    "allowance of an organisation": allowance_of("org"),
    "allowance of a region": allowance_of("region"),
    "monthly thresholds of organisations": figures_of("org", Reset.MONTHLY),
    "monthly thresholds of regions": figures_of("region", Reset.MONTHLY),
    "daily thresholds of projects": figures_of("project", Reset.DAILY),
    "thresholds on averages": figures_of("org", Reset.MONTHLY, Aggregation.AVG),
    "thresholds on distinct values": figures_of("org", Reset.MONTHLY, Aggregation.UNIQUE),
    "completeness of an organisation": completeness_of("acme"),
    "completeness of a metric": completeness_of(None, ("metric.2",)),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_whatever_asks_for_full_days_reads_by_index_and_no_point(asked, name):
    statements = asked(QUESTIONS[name])
    assert any(statement.startswith(("read_usage", "read_gaps")) for statement in statements)
    scans = [scan for found in statements.values() for scan in found]
    assert len({relation for _, relation, _ in points_of(scans)}) <= ("averages" in name)
    # Whoever asks about all organisations reads all that waits.
    growing = GROWING - {"usage_delta"} if name.startswith("all") else GROWING
    assert [scan for scan in scans if scan[1] in growing and scan[0] not in INDEXED] == []
    assert not any(relation.startswith("usage_collection") for _, relation, _ in scans)


def test_thresholds_of_an_hour_that_does_not_begin_with_one_read_quarters(asked):
    period = period_of(NOW, Reset.HOURLY, ZoneInfo("Asia/Kolkata"))
    assert period.start.minute == 30
    scans = asked(figures_of("org", Reset.HOURLY))["read_usage_totals"]
    assert {node for node, relation, _ in scans if relation in GROWING} <= INDEXED
    assert points_of(scans) == []


@pytest.mark.parametrize("group_by", [("hour", ""), ("day", "project"), ("month", "region"), ("",)])
def test_each_slice_of_an_export_reads_its_own_days_by_index(plan, group_by):
    whole = question(*RAGGED, *group_by)
    seen = {metric.metric_id: {"key": metric.key, "unit": "By", "kind": metric.kind} for metric in SEEN}
    shown = scene.Scene(connection=None, kept_from=KEPT, metrics=seen, orgs=[org_id_of("acme")])
    parts = list(slices(whole, FIRST))
    for start, end in (parts[0], parts[len(parts) // 2], parts[-1]):
        part = replace(whole, start=start, end=end)
        for name, arguments in (scene.sums_statement(shown, part, None), scene.samples_statement(shown, part, None)):
            scans = plan(name, *arguments)
            assert len({relation for _, relation, _ in points_of(scans)}) <= 2
            assert {node for node, _, _ in points_of(scans)} <= INDEXED
            assert {node for node, relation, _ in scans if relation in GROWING} <= INDEXED


def test_the_first_day_is_found_by_index(plan):
    scans = plan("read_first_day")
    assert {relation for _, relation, _ in scans} >= ROLLUPS
    assert {node for node, relation, _ in scans if relation in ROLLUPS | {"usage_collection_hourly"}} <= INDEXED


def test_ids_of_records_are_looked_up_by_key(plan):
    ids = [bytes([n]) * 16 for n in range(100)]
    assert [scan[1:] for scan in plan("read_records", ids)] == [("usage_record", "usage_record_pk")]
