"""`tallystick verify` finds whatever differs, and `tallystick rebuild` mends rollups from points."""

import json
import re
import threading
from datetime import UTC, datetime, timedelta

import pytest
from books import rebuild, verify
from conftest import run_cli, sql
from otlp import SECOND, export, export_request, get, now_ns, totals, usage

DAY = 86_400 * SECOND


def fill(url):
    """Sums and levels of two organisations over four days, some of it sent twice."""
    base = now_ns() - 3 * DAY
    for n in range(40):
        end = base + n * 6_000 * SECOND
        points = [
            {"name": "bytes", "unit": "By", "value": 1000 + n, "end": end,
             "attributes": {"org.id": org, "project.id": "web", "region": region}}
            for org in ("acme", "globex") for region in ("eu", "us")
        ]  # fmt: skip
        points += [
            {
                "name": "disk",
                "kind": "gauge",
                "unit": "By",
                "value": 5.5 + n + end % 7,
                "end": end,
                "attributes": {"org.id": "acme"},
            }
            for end in (end, end + 70 * SECOND)
        ]
        for _ in range(1 + n % 2):
            assert export(url, export_request(points)).rejected == 0


def rolled(receiver):
    while get(receiver.url + "/healthz").json["counts"].get("deltas.rolled", 0) < 240:
        pass


@pytest.fixture
def filled(start_receiver):
    receiver = start_receiver("--roll-seconds", "0.05")
    fill(receiver.url)
    rolled(receiver)
    return receiver


@pytest.mark.editions
def test_books_agree_before_and_after_rolling(start_receiver, database_url, edition):
    receiver = start_receiver("--roll-seconds", "3600")
    fill(receiver.url)
    assert verify(database_url).count == 0
    receiver.stop()
    rolled(start_receiver("--roll-seconds", "0.05"))
    found = verify(database_url)
    assert found.count == 0
    expected = {
        "ledger", "entries", "points", "levels", "days", "day_integrals", "total_hours", "total_days", "costs",
        "amounts",
    }  # fmt: skip
    if edition == "timescaledb-community":
        expected |= {"hourly_aggregate", "daily_aggregate"}
    assert set(found.compared) - {"cost_months"} == expected
    assert all(found.compared[name] >= 5 for name in expected)


CHANGES = {
    "quarter": ("UPDATE usage_quarter_hourly SET quantity = quantity + 1 WHERE {one}", {"points", "days"}),
    "quarter's points": ("UPDATE usage_quarter_hourly SET points = points + 1 WHERE {one}", {"points", "days"}),
    "lost quarter": ("DELETE FROM usage_quarter_hourly WHERE {one}", {"points", "days"}),
    "day": ("UPDATE usage_daily SET quantity = quantity - 0.001 WHERE last_ns IS NULL", {"days", "total_days"}),
    "total hour": ("DELETE FROM usage_total_hourly WHERE {one}", {"total_hours"}),
    "total day": ("UPDATE usage_total_daily SET points = 0 WHERE {one}", {"total_days"}),
    "lowest": ("UPDATE usage_quarter_hourly SET lowest = lowest - 1", {"levels", "days"}),
    "integral": ("UPDATE usage_quarter_hourly SET integral = integral + 0.1", {"levels"}),
    "lost integral": ("UPDATE usage_quarter_hourly SET integral = NULL", {"levels"}),
    "first": ("UPDATE usage_quarter_hourly SET first_ns = first_ns - 1 WHERE last_ns IS NOT NULL", {"levels"}),
    "last": ("UPDATE usage_daily SET last_ns = last_ns + 1 WHERE last_ns IS NOT NULL", {"days"}),
}  # fmt: skip


@pytest.mark.editions
@pytest.mark.parametrize("change", CHANGES)
def test_a_figure_changed_by_hand_is_found_and_mended_by_rebuild(filled, database_url, change):
    before = usage(filled.url, groupBy="org,type,day,region")["rows"]
    statement, checks = CHANGES[change]
    [table] = re.findall("usage_[a-z_]+", statement)
    sql(database_url, statement.format(one=f"ctid = (SELECT min(ctid) FROM {table})"))
    found = verify(database_url)
    assert found.count > 0
    names = {difference.check for difference in found.differences}
    assert checks <= names <= checks | {"total_hours", "hourly_aggregate", "daily_aggregate"}
    assert rebuild(database_url) > 0
    assert verify(database_url).count == 0
    assert usage(filled.url, groupBy="org,type,day,region")["rows"] == before


def test_what_differs_is_named(filled, database_url):
    sql(database_url, "UPDATE usage_total_daily SET quantity = 7 WHERE points > 0")
    done = run_cli("verify", "--differences", "1", "--database-url", database_url, COLUMNS="200")
    assert done.returncode == 1
    for part in ("acme", "web", "bytes", "days: ", "total days: 7 in ", "rebuild"):
        assert part in done.stdout
    done = run_cli("verify", "--json", "--differences", "1", "--database-url", database_url)
    found = json.loads(done.stdout)
    assert (done.returncode, len(found["differences"]), found["count"] > 5) == (1, 1, True)
    done = run_cli("rebuild", "--database-url", database_url)
    assert (done.returncode, "rebuilt" in done.stdout) == (0, True)
    done = run_cli("verify", "--database-url", database_url)
    assert (done.returncode, "the books agree" in done.stdout) == (0, True)


LEDGER = {
    "a point that is there twice": (
        "INSERT INTO usage_point SELECT * FROM usage_point ORDER BY ts LIMIT 1", {"ledger", "entries", "points"}),
    "a point whose value changed": (
        "UPDATE usage_point SET mantissa = mantissa + 1 WHERE ts = (SELECT min(ts) FROM usage_point) AND exponent = 0",
        {"ledger", "entries", "points"}),
    "a lost point": (
        "DELETE FROM usage_point WHERE ts = (SELECT max(ts) FROM usage_point)", {"ledger", "entries", "points"}),
    "a lost collection": (
        "DELETE FROM usage_collection WHERE end_ns = (SELECT min(end_ns) FROM usage_collection)",
        {"ledger", "entries"}),
    "a collection's totals": ("UPDATE usage_collection SET metric_sums = ARRAY[1, 2] WHERE part = 0", {"ledger"}),
}  # fmt: skip


@pytest.mark.editions
@pytest.mark.parametrize("change", LEDGER)
def test_points_that_are_not_the_acknowledged_ones_are_found(filled, database_url, change):
    statement, checks = LEDGER[change]
    sql(database_url, statement)
    found = verify(database_url)
    names = {difference.check for difference in found.differences}
    assert checks <= names
    assert found.count > 0


def test_equal_points_of_one_request_are_no_duplicates_to_verify(receiver, database_url):
    point = {"value": 3, "end": now_ns() - 5 * SECOND}
    assert export(receiver.url, export_request([point, point])).rejected == 0
    assert totals(receiver.url) == {"requests": "6"}
    assert verify(database_url).count == 0


@pytest.mark.editions
def test_one_organisation_and_some_days_can_be_verified_and_rebuilt_alone(filled, database_url):
    sql(database_url, "UPDATE usage_quarter_hourly q SET quantity = 1 FROM usage_org o"
                      " WHERE o.org_id = q.org_id AND o.name = 'globex' AND q.last_ns IS NULL")  # fmt: skip
    assert verify(database_url, org="acme").count == 0
    assert {d.org for d in verify(database_url, org="globex").differences} == {"globex"}
    today = datetime.fromtimestamp(now_ns() // DAY * 86_400, UTC)
    window = {"start": today - timedelta(days=2), "end": today}
    assert rebuild(database_url, org="globex", **window) > 0
    assert verify(database_url, **window).count == 0
    assert verify(database_url).count > 0


@pytest.mark.editions
def test_verify_and_rebuild_are_safe_while_usage_arrives_and_is_rolled_up(start_receiver, database_url):
    receiver = start_receiver("--roll-seconds", "0.01", "--roll-rows-max", "3")
    stopping = threading.Event()
    sent = []

    def send():
        while not stopping.is_set():
            end = now_ns() - (len(sent) * 997 % 200_000) * SECOND - len(sent)
            points = [
                {"name": "calls", "value": 1, "end": end, "attributes": {"org.id": "acme", "n": n}} for n in range(9)
            ]
            assert export(receiver.url, export_request(points)).rejected == 0
            sent.append(9)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        for turn in range(3):
            while len(sent) < 20 * (turn + 1):
                assert thread.is_alive()
            assert verify(database_url).count == 0
            assert rebuild(database_url) > 0
    finally:
        stopping.set()
        thread.join()
    assert verify(database_url).count == 0
    assert totals(receiver.url) == {"calls": str(sum(sent))}


@pytest.mark.editions
def test_the_audit_says_in_healthz_what_it_found(start_receiver, database_url):
    receiver = start_receiver("--roll-seconds", "0.05", "--audit-seconds", "0.1")
    assert get(receiver.url + "/healthz").json["audit"]["state"] in ("pending", "passed")
    fill(receiver.url)
    rolled(receiver)
    sql(database_url, "UPDATE usage_total_daily SET quantity = 7")
    while (audit := get(receiver.url + "/healthz").json["audit"])["state"] != "differs":
        pass
    assert audit["differences"] > 0
    assert get(receiver.url + "/healthz").json["counts"]["audit.differences"] > 0
    assert run_cli("rebuild", "--database-url", database_url).returncode == 0
    while (health := get(receiver.url + "/healthz").json)["audit"]["state"] != "passed":
        pass
    assert health["counts"]["audit.differences"] == 0
    assert "differ in" in receiver.log
