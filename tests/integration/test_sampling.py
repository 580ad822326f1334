"""Records that a definition makes samples of a level: the books before, across and after each change of it."""

import asyncio
import itertools
import json
import random
import threading
from datetime import UTC, datetime

import asyncpg
import pytest
from books import rebuild, verify
from otlp import SECOND, get, now_ns, post, send, usage

RECORDS, METRICS = "/api/v1/usage/records", "/api/v1/metrics"
QUIET = ("--roll-seconds", "3600", "--evaluate-seconds", "3600")
ALL = {"from_": "2020-01-01", "to": "2040-01-01"}


def disk(number, *, org="acme"):
    """A record of hours ago: what it holds for does not grow while the test runs."""
    time = datetime.fromtimestamp(now_ns() / SECOND - 9000 - number, UTC)
    return {"id": f"r{number}", "metricKey": "disk", "subjectType": "org", "subjectId": org, "quantity": number,
            "metadata": {"n": number % 7}, "timestamp": time.isoformat().replace("+00:00", "Z")}  # fmt: skip


def store(receiver, records):
    reply = post(receiver.url + RECORDS, json.dumps(records).encode(), "application/json")
    assert reply.status == 200, reply.body
    return [result["status"] for result in reply.json["results"]]


def define(receiver, aggregation, org=None):
    url = receiver.url + METRICS
    found = [m for m in get(url + "?key=disk").json["metrics"] if m["orgId"] == org and m["definedBy"] == "api"]
    if found:
        reply = send("PATCH", f"{url}/{found[0]['id']}", {"aggregationType": aggregation})
    else:
        reply = send("POST", url, {"key": "disk", "aggregationType": aggregation, "orgId": org})
    assert reply.status in (200, 201), reply.body


def counts(receiver):
    """How many records are held as sums, and how many as samples."""
    rows = usage(receiver.url, groupBy="org,type", **ALL)["rows"]
    return {is_level: sum(row["count"] for row in rows if ("level" in row) is is_level) for is_level in (False, True)}


def kinds(url):
    async def run():
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetch(
                "SELECT m.kind, count(*) AS points FROM usage_point JOIN usage_series USING (org_id, series_id)"
                " JOIN usage_dims USING (org_id, dims_id) JOIN usage_metric m USING (metric_id) GROUP BY 1"
            )
        finally:
            await connection.close()

    return {row["kind"]: row["points"] for row in asyncio.run(run())}


@pytest.mark.editions
@pytest.mark.parametrize("seed", range(2))
def test_any_order_of_records_resends_and_changes_through_two_receivers_is_exact(start_receiver, database_url, seed):
    """The definition when a record is first committed decides what it is; every other copy of it is a duplicate."""
    chance, receivers = random.Random(seed), [start_receiver(*QUIET), start_receiver(*QUIET)]
    numbers, sent, rules, expected = itertools.count(1), [], {}, {}
    for _ in range(14):
        if chance.random() < 0.5:
            org = chance.choice([None, "acme"])
            rules[org] = chance.choice(["sum", "max", "min", "last", "avg", "count"])
            define(chance.choice(receivers), rules[org], org)
        fresh = [disk(next(numbers), org=chance.choice(["acme", "globex"])) for _ in range(6)]
        for record in fresh:
            rule = rules.get(record["subjectId"], rules.get(None, "sum"))
            expected[record["id"]] = rule in ("max", "min", "last")
        old = chance.sample(sent, min(len(sent), 4))
        mixed = chance.sample([*fresh, *old], len(fresh) + len(old))
        sent += fresh
        found = store(chance.choice(receivers), mixed)
        assert found == ["accepted" if record in fresh else "duplicate" for record in mixed]
    totals = {is_level: list(expected.values()).count(is_level) for is_level in (False, True)}
    assert all(totals.values())
    assert counts(receivers[0]) == totals
    assert kinds(database_url) == {"sum": totals[False], "level": totals[True]}
    assert verify(database_url).count == 0
    before = usage(receivers[1].url, groupBy="org,type,n", **ALL)["rows"]
    for receiver in receivers:
        receiver.stop()
    assert rebuild(database_url) > 0
    again = start_receiver("--roll-seconds", "0.05")
    assert usage(again.url, groupBy="org,type,n", **ALL)["rows"] == before
    assert verify(database_url).count == 0
    assert store(again, sent) == ["duplicate"] * len(sent)


@pytest.mark.editions("postgresql")
def test_changes_while_two_receivers_store_the_same_records_leave_each_stored_once(start_receiver, database_url):
    receivers = [start_receiver(*QUIET), start_receiver(*QUIET)]
    stopping, stored = threading.Event(), []

    def keep_storing(receiver):
        for start in itertools.count(1, 5):
            if stopping.is_set():
                return
            records = [disk(number) for number in range(start, start + 5)]
            found = store(receiver, records)
            assert set(found) <= {"accepted", "duplicate"}
            stored.append(found.count("accepted"))

    threads = [threading.Thread(target=keep_storing, args=(receiver,)) for receiver in receivers]
    for thread in threads:
        thread.start()
    try:
        for n in range(20):
            define(receivers[n % 2], ["max", "sum", "last", "avg"][n % 4])
    finally:
        stopping.set()
        for thread in threads:
            thread.join()
    assert sum(kinds(database_url).values()) == sum(stored)
    assert sum(counts(receivers[0]).values()) == sum(stored)
    assert verify(database_url).count == 0


@pytest.mark.editions("postgresql")
def test_a_level_whose_id_stands_for_something_else_is_refused_and_leaves_no_trace(start_receiver, database_url):
    """Two identities with one 64-bit hash, as the database would hold them."""
    receiver = start_receiver(*QUIET)
    define(receiver, "max")
    assert store(receiver, [disk(1), disk(2)]) == ["accepted"] * 2

    async def collide():
        connection = await asyncpg.connect(database_url)
        await connection.execute(
            "UPDATE usage_dims SET identity = identity || ' '"
            " WHERE identity LIKE '%\"level\"%' AND attributes ->> 'n' = '1'"
        )
        await connection.close()

    asyncio.run(collide())
    receiver.stop()
    again = start_receiver(*QUIET)
    reply = post(again.url + RECORDS, json.dumps([disk(8), disk(9), disk(1)]).encode(), "application/json")
    assert [r.get("reason", r["status"]) for r in reply.json["results"]] == [
        "identity_collision",
        "accepted",
        "duplicate",
    ]
