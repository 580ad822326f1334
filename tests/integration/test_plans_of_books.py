"""The plans of commits, of the balance, of verifying and rebuilding: the days that they are about only, by index."""

import re
from datetime import timedelta

import pytest
from filled import FIRST, INDEXED, SQL, points_of

pytestmark = pytest.mark.editions
DAY = timedelta(days=1)


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


def ledger_of(scans):
    return {relation for _, relation, _ in scans if re.fullmatch(r"usage_collection_\d+", relation)}


def test_a_balance_looks_up_what_arrived_by_key(plan):
    end = int((FIRST + timedelta(days=9, hours=5)).timestamp()) * 10**9
    arrived = plan("read_arrived", 1, end, end + 3600 * 10**9)
    assert len(arrived) == 1
    assert {node for node, _, _ in arrived} <= INDEXED
    last = plan("read_last_parts", [1, 2, 3], [end] * 3)
    assert {node for node, relation, _ in last if relation != "usage_collection_20261101"} <= INDEXED
    due = plan("read_due_announcements", FIRST + timedelta(days=9), 10)
    assert ("usage_announcement", "usage_announcement_due") in {scan[1:] for scan in due}
    assert {node for node, relation, _ in due if relation != "usage_collection_20261101"} <= INDEXED


OF_POINTS = ("verify_points", "verify_levels", "verify_entries", "verify_ledger", "rebuild_quarters")
OF_ROLLUPS = (
    "verify_days",
    "verify_day_integrals",
    "verify_total_hours",
    "verify_total_days",
    "verify_sealed",
    "rebuild_days",
)
OF_AGGREGATES = ("verify_hourly_aggregate", "verify_daily_aggregate")


def both(plan, kept_plan, name, day):
    """The plan for these times, and the one that a session that verifies day after day comes to use."""
    more = [None, 20][: 1 if name.startswith("rebuild") else 2]
    window = (day, day + DAY)
    literals = [*(f"'{time.isoformat()}'" for time in window), *("NULL" if m is None else str(m) for m in more)]
    return plan(name, *window, *more), kept_plan(name, *literals)


@pytest.mark.parametrize("name", OF_POINTS)
def test_a_day_of_verifying_and_rebuilding_reads_one_day_of_points(plan, kept_plan, name):
    for scans in both(plan, kept_plan, name, FIRST + 5 * DAY):
        assert len({relation for _, relation, _ in points_of(scans)}) == 1
        assert len(ledger_of(scans)) <= 2


@pytest.mark.parametrize("name", OF_ROLLUPS)
def test_a_day_of_verifying_rollups_reads_them_by_index(plan, kept_plan, name):
    day = FIRST + (-5 if name == "verify_sealed" else 5) * DAY
    for scans in both(plan, kept_plan, name, day):
        assert points_of(scans) == []
        assert {node for node, relation, _ in scans if relation in (
            "usage_quarter_hourly", "usage_total_hourly", "usage_daily", "usage_total_daily",
            "usage_level_hours", "usage_collection_hourly")} <= INDEXED  # fmt: skip


@pytest.mark.editions("timescaledb-community")
@pytest.mark.parametrize("name", OF_AGGREGATES)
def test_a_day_of_a_continuous_aggregate_reads_one_chunk_where_it_is_not_materialised(plan, kept_plan, name):
    for scans in both(plan, kept_plan, name, FIRST + 5 * DAY):
        assert len({relation for _, relation, _ in points_of(scans)}) == 1


def test_copies_of_forks_are_looked_for_in_the_ledger_of_their_day(plan):
    first, last = (int((FIRST + n * DAY).timestamp()) * 10**9 for n in (5, 6))
    scans = plan("find_copies", first, last)
    assert len(ledger_of(scans)) <= 2
    assert points_of(scans) == []


def test_every_statement_that_reads_points_or_ledger_has_a_test_of_its_plan(root):
    reads = re.compile(r"\b(?:FROM|JOIN)\s+usage_(?:point|collection)\b")
    tests = "".join(path.read_text() for path in (root / "tests" / "integration").glob("test_plans*.py"))
    reading = {path.stem for path in SQL.glob("*.sql") if reads.search(path.read_text())}
    assert {name for name in reading if f'"{name}"' not in tests} == set()
