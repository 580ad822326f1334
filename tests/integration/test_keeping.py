"""Which dimensions rollups keep: totals, resends, verification and rebuilding before, across and after a change."""

import itertools
import json
import random
import threading
from datetime import UTC, datetime, timedelta

import pytest
from books import rebuild, verify
from conftest import run_cli, sql
from otlp import SECOND, export, export_request, get, now_ns, send, usage

QUARTER = 900 * SECOND
AHEAD = ("--ahead-seconds-max", "1000000", "--roll-seconds", "3600", "--evaluate-seconds", "3600")
ALL = {"from_": "2020-01-01T00:07:00Z", "to": "2040-01-01"}


def calls(n, end, *, org="acme", region="eu", kind="sum"):
    attributes = {"org.id": org, "project.id": "web", "region": region, "conversation.id": f"c{n}"}
    return {"name": "calls", "unit": "{call}", "kind": kind, "value": n + 1, "end": end, "attributes": attributes}


def send_all(receiver, points):
    assert export(receiver.url, export_request(points)).rejected == 0


def define(receiver, **fields):
    metrics = receiver.url + "/api/v1/metrics"
    found = [m for m in get(metrics + "?key=calls").json["metrics"] if m["orgId"] == fields.get("orgId")]
    if found and found[0]["definedBy"] == "api":
        reply = send("PATCH", f"{metrics}/{found[0]['id']}", {k: v for k, v in fields.items() if k != "orgId"})
    else:
        reply = send("POST", metrics, {"key": "calls", "unit": "{call}", **fields})
    assert reply.status in (200, 201), reply.body
    return reply.json


def starts_ns(definition):
    return int(datetime.fromisoformat(definition["dimensionsFrom"]).timestamp()) * SECOND


def by(receiver, *groups, **query):
    rows = usage(receiver.url, groupBy=",".join(("org", *groups)), **ALL, **query)["rows"]
    return {tuple(row[g] for g in ("org", *groups)): int(row["quantity"]) for row in rows}


def counted(url, statement):
    import asyncio

    import asyncpg

    async def run():
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(run())


def assert_books(database_url):
    found = verify(database_url)
    assert (found.count, found.differences) == (0, [])


@pytest.mark.editions("postgresql")
def test_a_metric_of_a_thousand_conversations_has_one_row_a_region_and_quarter(start_receiver, database_url):
    receiver = start_receiver("--roll-seconds", "0.05")
    assert define(receiver, dimensions=["region"])["dimensionsFrom"] is None
    end = now_ns() // QUARTER * QUARTER
    points = [calls(n, end, region=("eu", "us")[n % 2]) for n in range(1000)]
    for _ in range(2):
        send_all(receiver, points)
    while get(receiver.url + "/healthz").json["counts"].get("deltas.rolled", 0) < 2:
        pass
    assert counted(database_url, "SELECT count(*) FROM usage_quarter_hourly") == 2
    assert counted(database_url, "SELECT count(*) FROM usage_daily") == 2
    assert counted(database_url, "SELECT count(*) FROM usage_point") == 1000
    assert by(receiver, "region", "service.name") == {("acme", "eu", "test"): 250_000, ("acme", "us", "test"): 250_500}
    assert by(receiver, "conversation.id") == {("acme", None): 500_500}
    assert_books(database_url)


def test_a_change_counts_for_usage_after_all_that_is_stored_whenever_it_arrives(start_receiver, database_url):
    receiver = start_receiver(*AHEAD)
    old = now_ns() // QUARTER * QUARTER - QUARTER
    send_all(receiver, [calls(0, old)])
    changed = define(receiver, dimensions=["region"])
    new = starts_ns(changed) + SECOND
    send_all(receiver, [calls(1, new), calls(2, old + SECOND), calls(3, new - SECOND)])
    assert by(receiver, "conversation.id") == {
        ("acme", "c0"): 1,
        ("acme", "c2"): 3,
        ("acme", "c3"): 4,
        ("acme", None): 2,
    }
    back = define(receiver, dimensions=None)
    newer = starts_ns(back) + SECOND
    assert newer > new
    send_all(receiver, [calls(1, newer), calls(4, new + SECOND)])
    assert by(receiver, "conversation.id")["acme", None] == 7
    assert by(receiver, "conversation.id")["acme", "c1"] == 2
    assert_books(database_url)


def test_a_resend_after_the_change_is_a_duplicate(start_receiver, database_url):
    receiver = start_receiver(*AHEAD)
    end = now_ns()
    points = [calls(n, end - n * SECOND, kind=kind) for n in range(5) for kind in ("sum", "histogram")]
    send_all(receiver, points)
    definition = define(receiver, dimensions=[])
    send_all(receiver, points)
    later = [calls(n, starts_ns(definition) + SECOND + n) for n in range(5)]
    for _ in range(2):
        send_all(receiver, later)
    define(receiver, dimensions=["region", "conversation.id"])
    send_all(receiver, [*points, *later])
    assert by(receiver) == {("acme",): 3 * 15}
    assert_books(database_url)


def test_an_organisations_own_definition_counts_instead_of_the_one_for_all(start_receiver, database_url):
    receiver = start_receiver(*AHEAD)
    define(receiver, dimensions=[])
    define(receiver, dimensions=["conversation.id"], orgId="globex")
    define(receiver, orgId="initech")
    end = now_ns()
    send_all(receiver, [calls(0, end, org=org) for org in ("acme", "globex", "initech")])
    shown = by(receiver, "conversation.id", "region")
    assert set(shown) == {("acme", None, None), ("globex", "c0", None), ("initech", "c0", "eu")}
    own = next(m for m in get(receiver.url + "/api/v1/metrics").json["metrics"] if m["orgId"] == "globex")
    assert send("DELETE", f"{receiver.url}/api/v1/metrics/{own['id']}").status == 204
    send_all(receiver, [calls(1, end + 2 * QUARTER, org="globex")])
    assert by(receiver, "conversation.id", orgId="globex") == {("globex", "c0"): 1, ("globex", None): 2}
    assert_books(database_url)


def test_levels_keep_their_dimensions_and_say_so(start_receiver):
    receiver = start_receiver(*AHEAD)
    define(receiver, dimensions=[])
    end = now_ns()
    send_all(receiver, [calls(n, end + n, kind="gauge") for n in range(3)])
    (row,) = usage(receiver.url, **ALL)["rows"]
    assert row["quantity"] == "6"
    refused = send(
        "POST", receiver.url + "/api/v1/metrics", {"key": "calls", "orgId": "acme", "unit": "{call}", "dimensions": []}
    )
    assert (refused.status, "level" in refused.json["detail"]) == (400, True)


@pytest.mark.editions
@pytest.mark.parametrize("seed", range(3))
def test_any_order_of_usage_and_changes_through_two_receivers_is_exact(start_receiver, database_url, seed):
    """Totals never change, verify agrees at each step, and rebuilding from the points changes nothing."""
    chance = random.Random(seed)
    receivers = [start_receiver(*AHEAD), start_receiver(*AHEAD)]
    base, expected, sent = now_ns() // QUARTER * QUARTER, {}, []
    for step in range(12):
        receiver = chance.choice(receivers)
        if chance.random() < 0.5:
            org = chance.choice([None, "acme"])
            fields = {"dimensions": chance.choice([None, [], ["region"], ["region", "conversation.id"]])}
            define(receiver, **fields, **({"orgId": org} if org else {}))
        points = [
            calls(chance.randrange(4), base + chance.randrange(-4, 8) * QUARTER + chance.randrange(800) * SECOND + step,
                  org=chance.choice(["acme", "globex"]), region=chance.choice(["eu", "us"]))
            for _ in range(6)
        ]  # fmt: skip
        for point in points:
            org = point["attributes"]["org.id"]
            expected[org,] = expected.get((org,), 0) + point["value"]
        sent.append(points)
        send_all(receiver, points)
        send_all(chance.choice(receivers), chance.choice(sent))
        assert by(chance.choice(receivers)) == expected
    assert_books(database_url)
    groups = ("region", "conversation.id", "hour")
    before = by(receivers[0], *groups)
    receivers[0].stop()
    receivers[1].stop()
    again = start_receiver("--ahead-seconds-max", "1000000", "--roll-seconds", "0.05")
    while counted(database_url, "SELECT count(*) FROM usage_delta"):
        pass
    assert by(again, *groups) == before
    assert_books(database_url)
    assert rebuild(database_url) > 0
    assert by(again, *groups) == before
    sql(database_url, "DELETE FROM usage_dims_kept")
    assert verify(database_url).count > 0 or not any(key[2] is None for key in before)


@pytest.mark.editions("postgresql")
def test_changes_while_two_receivers_store_usage_leave_no_point_between_two_rules(start_receiver, database_url):
    """Each batch is a quarter of an hour later than the one before, so that some are under way past any change."""
    receivers = [start_receiver(*AHEAD), start_receiver(*AHEAD)]
    base, numbers, stopping = now_ns() // QUARTER * QUARTER, itertools.count(), threading.Event()

    def store(receiver):
        while not stopping.is_set():
            number = next(numbers)
            send_all(receiver, [calls(n, base + number * QUARTER + SECOND + n) for n in range(3)])

    threads = [threading.Thread(target=store, args=(receiver,)) for receiver in receivers]
    for thread in threads:
        thread.start()
    try:
        for n in range(20):
            define(receivers[n % 2], dimensions=[["region"], [], None, ["conversation.id"]][n % 4])
    finally:
        stopping.set()
        for thread in threads:
            thread.join()
    assert by(receivers[0]) == {("acme",): 6 * next(numbers)}
    start = datetime.fromtimestamp(base / SECOND, UTC).replace(hour=0, minute=0)
    assert verify(database_url, start=start, end=start + timedelta(days=2 + next(numbers) // 96)).count == 0


def test_a_dimension_that_a_threshold_watches_cannot_be_dropped(start_receiver):
    receiver = start_receiver(*AHEAD)
    threshold = {"metricKey": "calls", "orgId": "acme", "subjectType": "user", "subjectId": "ada", "threshold": 10}
    created = send("POST", receiver.url + "/api/v1/thresholds", threshold)
    assert created.status == 201
    refused = send("POST", receiver.url + "/api/v1/metrics", {"key": "calls", "dimensions": ["region"]})
    assert (refused.status, "user.id" in refused.json["detail"]) == (409, True)
    assert send("POST", receiver.url + "/api/v1/metrics", {"key": "calls", "dimensions": ["user"]}).status == 201
    refused = send("POST", receiver.url + "/api/v1/thresholds", {**threshold, "subjectType": "region"})
    assert (refused.status, "keep" in refused.json["detail"]) == (400, True)
    assert send("POST", receiver.url + "/api/v1/thresholds", {**threshold, "subjectType": "service.name"}).status == 201


def test_the_command_line_defines_what_is_kept(receiver):
    at = ("--json", "--url", receiver.url)
    done = run_cli("metrics", "define", "calls", "--dimension", "region", "--dimension", "user", *at)
    assert json.loads(done.stdout)["dimensions"] == ["region", "user.id"]
    done = run_cli("metrics", "define", "calls", "--no-dimensions", *at)
    assert json.loads(done.stdout)["dimensions"] == []
    done = run_cli("metrics", "define", "calls", "--all-dimensions", *at)
    assert json.loads(done.stdout)["dimensions"] is None
    done = run_cli("metrics", "define", "calls", "--aggregation", "UNIQUE", "--unique", "user", *at)
    assert json.loads(done.stdout)["uniqueDimension"] == "user.id"
