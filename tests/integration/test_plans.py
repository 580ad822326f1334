"""The plan of every query: the partitions or chunks of its window only, indexes, and no scan of all points.

Plans depend on statistics, so the tables hold what a month of a small platform holds.
"""

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from conftest import fresh_database

from tallystick_receiver.holding import Hold, hold_ranges
from tallystick_receiver.identity import org_id_of
from tallystick_receiver.question import Question
from tallystick_receiver.ranges import ranges_of
from tallystick_receiver.store import integrals, scene
from tallystick_receiver.store.database import READING
from tallystick_receiver.store.statements import statement

pytestmark = pytest.mark.editions
FIRST = datetime(2026, 10, 1, tzinfo=UTC)
DAYS = 31
FILL = """
    INSERT INTO usage_org SELECT CASE n WHEN 7 THEN {acme} ELSE n END, 'org-' || n FROM generate_series(1, 40) AS n;
    INSERT INTO usage_metric SELECT 100 + n, 'metric.' || n, 'By', CASE n WHEN 1 THEN 'level' ELSE 'sum' END
        FROM generate_series(1, 3) AS n;
    INSERT INTO usage_dims SELECT o.org_id, m.metric_id * 1000 + p, p, m.metric_id, '{{"region": "eu"}}', 'd' || p
        FROM usage_org o, usage_metric m, generate_series(1, 4) AS p;
    INSERT INTO usage_series SELECT org_id, dims_id * 10, dims_id, '' FROM usage_dims;
    INSERT INTO usage_writer VALUES (1, NULL, '', 'app', 'i', 'w');
    SELECT usage_add_partition(relation, '2026-10-01'::date + n)
        FROM (VALUES ('usage_point'), ('usage_collection')) AS r (relation), generate_series(0, 31) AS n;
    INSERT INTO usage_point SELECT t - interval '1 microsecond', s.org_id, s.series_id, 1, 0, 5, 0, 999
        FROM generate_series('2026-10-01 00:05Z'::timestamptz, '2026-11-01'::timestamptz, '300 s') AS t, usage_series s
        WHERE s.series_id % 100 = 30 ORDER BY t;
    INSERT INTO usage_quarter_hourly SELECT org_id, t, dims_id, 5, 1
        FROM generate_series('2026-10-01Z'::timestamptz, '2026-10-31 23:45Z', '15 min') AS t, usage_dims
        WHERE dims_id % 10 = 3;
    UPDATE usage_quarter_hourly SET lowest = 1, highest = 9, last = 4, integral = 5,
            first_ns = extract(epoch FROM quarter)::bigint * 1000000000 + 1,
            last_ns = extract(epoch FROM quarter)::bigint * 1000000000 + 800000000000
        WHERE dims_id / 1000 = 101;
    INSERT INTO usage_total_hourly SELECT org_id, t, project_id, metric_id, 5, 1
        FROM generate_series('2026-10-01Z'::timestamptz, '2026-10-31 23:00Z', '1 h') AS t, usage_dims;
    INSERT INTO usage_daily SELECT org_id, t, dims_id, 5, 1
        FROM generate_series('2026-07-01Z'::timestamptz, '2026-10-31Z', '1 d') AS t, usage_dims;
    INSERT INTO usage_total_daily SELECT org_id, day, 1, dims_id, 5, 1 FROM usage_daily;
    INSERT INTO usage_delta
        SELECT org_id, '2026-10-31Z', ARRAY[dims_id], ARRAY[1] FROM usage_dims, generate_series(1, 50);
    INSERT INTO usage_cumulative
        SELECT w, s, start * 1000000000, start * 1000000000 + n * 900000000000, start * 1000000000 + 1, 1, 0,
               start * 1000000000 + 2, n, 0, n, 0
        FROM generate_series(1, 10) AS w, generate_series(1, 40) AS s, generate_series(1, 96) AS n,
             (SELECT extract(epoch FROM '2026-10-10Z'::timestamptz)::bigint AS start) AS begun;
    INSERT INTO usage_collection
        SELECT w, extract(epoch FROM t)::bigint * 1000000000, 0, now(), 1, ARRAY[1], ARRAY[0], ARRAY[1], NULL, ARRAY[1],
               ARRAY[1], ARRAY[1]
        FROM generate_series(1, 20) AS w,
             generate_series('2026-10-01Z'::timestamptz, '2026-10-31 23:55Z', '300 s') AS t;
"""
"""Rows by the hundred thousand; the quarters and points are of one project only, to keep the test short."""


async def filled(url):
    connection = await asyncpg.connect(url, server_settings=READING | {"timezone": "UTC"})
    await connection.execute(FILL.format(acme=org_id_of("acme")))
    await connection.execute("SELECT brin_summarize_new_values(c.oid) FROM pg_class c JOIN pg_am a ON a.oid = c.relam"
                             " WHERE a.amname = 'brin' AND c.relkind = 'i'")  # fmt: skip
    await connection.execute("VACUUM ANALYZE")
    return connection


@pytest.fixture(scope="module")
def plan(template):
    """EXPLAIN with the settings of questions; one filled database for all these tests, which change nothing."""
    loop = asyncio.new_event_loop()
    with fresh_database(template) as url:
        connection = loop.run_until_complete(filled(url))

        def explain(name, *arguments):
            text = "EXPLAIN (FORMAT JSON) " + statement(name)
            [row] = loop.run_until_complete(connection.fetch(text, *arguments))
            return list(scans_of(json.loads(row[0])[0]["Plan"]))

        yield explain
        loop.run_until_complete(connection.close())
    loop.close()


def scans_of(node):
    """(node type, relation, index) of every scan, whatever it is below."""
    if "Relation Name" in node:
        below = [child.get("Index Name") for child in node.get("Plans", [])]
        yield node["Node Type"], node["Relation Name"], node.get("Index Name") or next((i for i in below if i), None)
    for child in node.get("Plans", []):
        yield from scans_of(child)


def question(start, end, *group_by, zone="UTC"):
    return Question(org="acme", project=None, types=(), start=start, end=end, zone=ZoneInfo(zone), group_by=group_by,
                    filters={})  # fmt: skip


def totals_arguments(asked, metrics=(102, 103)):
    ranges = ranges_of(asked.start, asked.end, asked.unit, asked.zone, hourly=True)
    common = scene._common(asked, [org_id_of("acme")], list(metrics), ranges)
    return (*common, *scene._columns(ranges.hours), *scene._columns(ranges.days), 1000)


def dims_arguments(asked, metrics=(102, 103)):
    ranges = ranges_of(asked.start, asked.end, asked.unit, asked.zone, hourly=False)
    common = scene._common(asked, [org_id_of("acme")], list(metrics), ranges)
    return (*common, *scene._by_dims(asked, ranges), 1000)


def integral_arguments(asked):
    hold = Hold(seconds=3600, now_ns=2**62)
    ranges = hold_ranges(asked.start, asked.end, hold, datetime(1, 1, 1, tzinfo=UTC))
    late = integrals.no_late_quarters()
    return integrals.integral_arguments(asked, [org_id_of("acme")], [101], ranges, hold, late, 1000)


MONTH = (FIRST, FIRST + timedelta(days=DAYS))
RAGGED = (FIRST + timedelta(days=3, minutes=7), FIRST + timedelta(days=20, minutes=52))


def points_of(scans):
    return [scan for scan in scans if scan[1].startswith(("usage_point", "_hyper_"))]


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


@pytest.mark.parametrize("name", ["read_usage_totals", "read_usage_by_dims", "read_levels"])
def test_ragged_ends_read_the_points_of_two_days_by_their_index(plan, name):
    if name == "read_usage_totals":
        scans = plan(name, *totals_arguments(question(*RAGGED, "type")))
    else:
        scans = plan(
            name, *dims_arguments(question(*RAGGED, "region"), (101,) if name == "read_levels" else (102, 103))
        )
    points = points_of(scans)
    assert len({relation for _, relation, _ in points}) == 2
    assert {node for node, _, _ in points} <= {"Bitmap Heap Scan", "Index Scan"}
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


def test_ragged_ends_of_a_level_are_integrated_from_the_points_of_two_days_by_their_index(plan):
    scans = plan("read_integrals", *integral_arguments(question(*RAGGED, "region")))
    points = points_of(scans)
    assert len({relation for _, relation, _ in points}) == 2
    assert {node for node, _, _ in points} <= {"Bitmap Heap Scan", "Index Scan"}


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
    assert {node for node, _, _ in points} <= {"Bitmap Heap Scan", "Index Scan"}


def test_a_commit_looks_into_the_ledger_of_its_days_by_key(plan):
    end = int((FIRST + timedelta(days=9)).timestamp()) * 10**9
    scans = plan("read_collections", [1, 2, 3], [end, end, end + 300 * 10**9])
    looked_up = {relation: node for node, relation, _ in scans if relation.startswith("usage_collection")}
    del looked_up["usage_collection_20261101"]  # it is empty
    assert set(looked_up.values()) == {"Index Scan"}


def test_what_is_known_of_cumulative_streams_is_looked_up_by_key_from_their_quarter_on(plan):
    at = int((FIRST + timedelta(days=9)).timestamp()) * 10**9
    streams = ([1] * 50, list(range(50)), [at] * 50, [at] * 50, [at + 1] * 50, [5] * 50, [0] * 50)
    scans = plan("read_cumulative", *streams)
    assert [(relation, index) for _, relation, index in scans] == [("usage_cumulative", "usage_cumulative_pk")] * 3
    assert {node for node, _, _ in scans} <= {"Index Scan", "Bitmap Heap Scan"}


@pytest.mark.parametrize(
    "name", ["verify_points", "verify_levels", "verify_entries", "verify_ledger", "rebuild_quarters"]
)
def test_a_day_of_verifying_and_rebuilding_reads_one_day_of_points(plan, name):
    day = FIRST + timedelta(days=5)
    arguments = (day, day + timedelta(days=1), None, 20)[: 3 if name == "rebuild_quarters" else 4]
    scans = plan(name, *arguments)
    assert len({relation for _, relation, _ in points_of(scans)}) == 1
    ledger = {relation for _, relation, _ in scans if re.fullmatch(r"usage_collection_\d+", relation)}
    assert len(ledger) <= 2


@pytest.mark.parametrize("name", ["verify_days", "verify_total_hours", "verify_total_days"])
def test_a_day_of_verifying_rollups_reads_them_by_index(plan, name):
    day = FIRST + timedelta(days=5)
    scans = plan(name, day, day + timedelta(days=1), None, 20)
    assert {node for node, relation, _ in scans if relation in (
        "usage_quarter_hourly", "usage_total_hourly", "usage_daily", "usage_total_daily")} <= {
        "Index Scan", "Bitmap Heap Scan", "Index Only Scan"}  # fmt: skip
