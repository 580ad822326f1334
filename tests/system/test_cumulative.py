"""Cumulative streams, black box: what is counted depends on the points alone, not on how they arrive."""

import http.client
import random
import threading
import time
from collections import Counter
from datetime import UTC, datetime

import pytest
from conftest import run_cli, sql
from otlp import CUMULATIVE, SECOND, export, export_request, get, now_ns, post, usage

pytestmark = pytest.mark.editions
MINUTE, HOUR, QUARTER = 60 * SECOND, 3600 * SECOND, 900 * SECOND


def installed(url, ns):
    """Have the database begin to record at another time."""
    time = datetime.fromtimestamp(ns / 1e9, UTC).isoformat()
    sql(url, f"UPDATE schema_migration SET applied_at = '{time}' WHERE number = 1")


@pytest.fixture
def since(database_url):
    """When the database began to record: two days ago."""
    moment = now_ns() - 48 * HOUR
    installed(database_url, moment)
    return moment


def cumulative(value, end, start, **more):
    return {"name": "calls", "value": value, "end": end, "start": start, "temporality": CUMULATIVE, **more}


def send(receiver, *points, instance="i1"):
    request = export_request(list(points), resource={"service.name": "app", "service.instance.id": instance})
    reply = export(receiver.url, request)
    assert (reply.status, reply.rejected) == (200, 0)


def window():
    """The last days, whatever month they are in."""
    return {"from_": rfc3339(now_ns() - 72 * HOUR), "to": rfc3339(now_ns() + HOUR)}


def totals(url):
    """Quantities by type."""
    return {row["type"]: row["quantity"] for row in usage(url, **window())["totals"]}


def hours(receiver):
    """Quantity by hour."""
    rows = usage(receiver.url, groupBy="type,hour", **window())["rows"]
    return {row["hour"]: row["quantity"] for row in rows if row["quantity"] != "0"}


def rfc3339(ns):
    return datetime.fromtimestamp(ns / 1e9, UTC).isoformat().replace("+00:00", "Z")


def verified(database_url):
    done = run_cli("verify", "--database-url", database_url)
    assert done.returncode == 0, done.stdout + done.stderr


def counts(receiver):
    return get(receiver.url + "/healthz").json["counts"]


def test_a_cumulative_counter_counts_its_growth_across_restarts_of_its_process(receiver, since, database_url):
    start = now_ns() - HOUR
    for n, value in enumerate((5, 9, 9, 20)):
        send(receiver, cumulative(value, start + (n + 1) * MINUTE, start))
    restarted = start + 10 * MINUTE
    for n, value in enumerate((4, 6)):
        send(receiver, cumulative(value, restarted + (n + 1) * MINUTE, restarted))
    assert totals(receiver.url) == {"calls": "26"}
    send(receiver, cumulative(20, start + 4 * MINUTE, start))
    assert totals(receiver.url) == {"calls": "26"}
    assert counts(receiver)["cumulative.derived"] == 5
    assert counts(receiver)["cumulative.points"] == 7
    verified(database_url)


def test_cumulative_and_delta_writers_of_one_metric_add_up(receiver, since, database_url):
    start = now_ns() - HOUR
    send(receiver, cumulative(10, start + MINUTE, start), instance="a")
    send(receiver, {"name": "calls", "value": 7, "start": start, "end": start + MINUTE}, instance="b")
    send(receiver, cumulative(12, start + 2 * MINUTE, start), instance="a")
    send(receiver, {"name": "calls", "value": 7, "start": start + MINUTE, "end": start + 2 * MINUTE}, instance="b")
    assert totals(receiver.url) == {"calls": "26"}
    # The same writer, the same stream and moment, both ways.
    send(receiver, cumulative(100, start + MINUTE, start), instance="b")
    assert totals(receiver.url) == {"calls": "126"}
    verified(database_url)


def test_a_late_point_moves_usage_to_the_hour_it_belongs_to(receiver, since, database_url):
    start = (now_ns() - 6 * HOUR) // HOUR * HOUR
    send(receiver, cumulative(30, start + 4 * HOUR, start))
    assert hours(receiver) == {rfc3339(start + 3 * HOUR): "30"}
    send(receiver, cumulative(10, start + HOUR, start))
    assert hours(receiver) == {rfc3339(start): "10", rfc3339(start + 3 * HOUR): "20"}
    send(receiver, cumulative(25, start + 2 * HOUR, start), cumulative(10, start + HOUR, start))
    assert hours(receiver) == {
        rfc3339(start): "10", rfc3339(start + HOUR): "15", rfc3339(start + 3 * HOUR): "5",
    }  # fmt: skip
    verified(database_url)


@pytest.mark.parametrize("first", ["since_install", "all", "nothing"])
def test_what_a_stream_had_reached_before_counts_as_the_operator_chose(start_receiver, database_url, first):
    install = now_ns() - 2 * HOUR
    installed(database_url, install)
    receiver = start_receiver("--cumulative-first", first)
    old, new = install - HOUR, install + HOUR
    for name, start in (("old", old), ("new", new)):
        for n, value in enumerate((100, 103)):
            send(receiver, cumulative(value, new + (n + 1) * MINUTE, start, name=name))
    expected = {"since_install": ("3", "103"), "all": ("103", "103"), "nothing": ("3", "3")}[first]
    assert totals(receiver.url) == dict(zip(("old", "new"), expected, strict=True))
    # The earliest known value is the baseline, even if it comes last.
    send(receiver, cumulative(90, new + 30 * SECOND, old, name="old"))
    expected_old = {"since_install": "13", "all": "103", "nothing": "13"}[first]
    assert totals(receiver.url)["old"] == expected_old
    # What was chosen once for a process stays, or its usage would change in retrospect.
    assert receiver.stop() == 0
    other = start_receiver("--cumulative-first", "nothing" if first == "all" else "all")
    send(other, cumulative(110, new + 5 * MINUTE, old, name="old"))
    assert int(totals(other.url)["old"]) == int(expected_old) + 7
    verified(database_url)


def test_a_point_whose_start_is_its_end_is_where_counting_begins(receiver, since, database_url):
    start = now_ns() - HOUR
    send(receiver, cumulative(50, start + MINUTE, start), cumulative(60, start + 2 * MINUTE, start))
    assert totals(receiver.url) == {"calls": "60"}
    send(receiver, cumulative(45, start, start))
    assert totals(receiver.url) == {"calls": "15"}
    send(receiver, cumulative(7, start + 3 * MINUTE, start + 3 * MINUTE))
    assert totals(receiver.url) == {"calls": "15"}
    verified(database_url)


def test_points_without_a_start_count_differences_and_a_fall_begins_anew(receiver, since, database_url):
    at = now_ns() - HOUR
    for n, value in enumerate((100, 104, 3, 5)):
        send(receiver, cumulative(value, at + n * MINUTE, 0))
    assert totals(receiver.url) == {"calls": "9"}
    send(receiver, cumulative(90, at - MINUTE, 0))
    assert totals(receiver.url) == {"calls": "19"}
    verified(database_url)


@pytest.mark.parametrize("kind", ["histogram", "exponential_histogram"])
def test_a_cumulative_histogram_counts_the_growth_of_its_sum_and_of_its_count(receiver, since, database_url, kind):
    start = now_ns() - HOUR
    for n, (value, count) in enumerate(((1.5, 2), (1.5, 4), (7.25, 5))):
        point = cumulative(value, start + (n + 1) * MINUTE, start, kind=kind, count=count)
        for _ in range(2):
            send(receiver, point)
    [row] = usage(receiver.url, **window())["rows"]
    assert (row["quantity"], row["count"]) == ("7.25", 5)
    verified(database_url)


def test_a_falling_value_under_one_start_adds_nothing_and_is_counted(receiver, since):
    start = now_ns() - HOUR
    for n, value in enumerate((8, 5, 8, 9)):
        send(receiver, cumulative(value, start + (n + 1) * MINUTE, start))
    assert totals(receiver.url) == {"calls": "9"}
    assert counts(receiver)["cumulative.fallen"] == 1


def test_a_cumulative_point_that_comes_too_late_is_quarantined_as_cumulative_and_replayed(start_receiver, since):
    receiver = start_receiver("--late-seconds-max", "60")
    start = now_ns() - 2 * HOUR
    points = [
        cumulative(8, start + HOUR, start),
        cumulative(2.5, start + HOUR, start, kind="histogram", count=3, name="sizes"),
    ]
    assert export(receiver.url, export_request(points)).rejected == 2
    assert totals(receiver.url) == {}
    assert receiver.stop() == 0
    receiver = start_receiver()
    outcomes = post(receiver.url + "/api/v1/quarantine/replay", b"").json["points"]
    assert [point["outcome"] for point in outcomes] == ["accepted", "accepted"]
    assert export(receiver.url, export_request(points)).rejected == 0
    assert totals(receiver.url) == {"calls": "8", "sizes": "2.5"}


def recorded(chance, start):
    """Points of three processes that restart, and what they add by hour."""
    points, by_hour = [], Counter()
    for instance in ("a", "b", "c"):
        for stream in range(3):
            end, value, began = start, 0, start
            for _ in range(30):
                end += chance.randint(1, 8) * MINUTE
                if chance.random() < 0.1:
                    began, value = end - MINUTE, 0
                grown = chance.choice((0, 0, 1, 5, 100))
                value += grown
                by_hour[rfc3339((end - 1) // HOUR * HOUR)] += grown
                points.append((instance, cumulative(value, end, began, attributes={"org.id": "acme", "n": stream})))
    return points, {hour: str(quantity) for hour, quantity in by_hour.items() if quantity}


def test_a_receiver_killed_again_and_again_under_cumulative_points_counts_each_once(
    start_receiver, since, database_url
):
    start = (now_ns() - 12 * HOUR) // HOUR * HOUR
    points, expected = recorded(random.Random(3), start)
    receiver = start_receiver()
    acknowledged = threading.Semaphore(0)

    def deliver(part):
        for instance, point in part:
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                try:
                    send(receiver, point, instance=instance)
                except (OSError, http.client.HTTPException, AssertionError):
                    continue
                acknowledged.release()
                break

    threads = [threading.Thread(target=deliver, args=(points[n::4],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        for _ in range(40):
            assert acknowledged.acquire(timeout=120)
        receiver.kill()
        receiver.start()
    for thread in threads:
        thread.join()
    assert hours(receiver) == expected
    verified(database_url)


def test_shuffled_repeated_and_split_through_two_receivers_that_restart_it_is_what_was_recorded(
    start_receiver, database_url
):
    start = (now_ns() - 12 * HOUR) // HOUR * HOUR
    installed(database_url, start - HOUR)
    chance = random.Random(7)
    points, expected = recorded(chance, start)
    receivers = [start_receiver("--roll-seconds", "0.2"), start_receiver("--roll-seconds", "0.2")]
    for restart in range(2):
        deliveries = points * 2 if restart else chance.sample(points, len(points) // 2)
        chance.shuffle(deliveries)
        parts = [deliveries[n::4] for n in range(4)]
        failures = []

        def deliver(receiver, part, failures=failures):
            try:
                for instance, point in part:
                    send(receiver, point, instance=instance)
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=deliver, args=(receivers[n % 2], part)) for n, part in enumerate(parts)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        if not restart:
            receivers[0].kill()
            receivers[0].start()
            assert receivers[1].stop() == 0
            receivers[1].start()
    assert hours(receivers[0]) == hours(receivers[1]) == expected
    verified(database_url)
