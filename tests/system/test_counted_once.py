"""Counted once, black box: sent any number of times, in any order, split and merged, through two receivers."""

import random
import threading

import pytest
from otlp import JSON, SECOND, export, export_request, get, now_ns, post, totals, usage

pytestmark = pytest.mark.editions
RESOURCES = [{"service.name": "app", "service.instance.id": f"i{n}"} for n in range(3)]


def collections(end, sizes=(40, 25, 7)):
    """Points of three writers at two times; every identity once."""
    return [
        (resource, [point(n, time) for n in range(size)])
        for resource, size in zip(RESOURCES, sizes, strict=True)
        for time in (end, end + SECOND)
    ]


def point(n, end):
    return {"name": f"m{n % 3}", "value": n * n + 1, "end": end, "attributes": {"org.id": f"o{n % 4}", "n": n}}


def expected(found):
    sums = {}
    for _, points in found:
        for point in points:
            sums[point["name"]] = sums.get(point["name"], 0) + point["value"]
    return {name: str(value) for name, value in sums.items()}


def pieces(found, chance):
    """The same points in other requests: split at random places, some of them merged."""
    requests = []
    for resource, points in found:
        shuffled = chance.sample(points, len(points))
        while shuffled:
            size = chance.randint(1, len(shuffled))
            requests.append(export_request(shuffled[:size], resource=resource))
            shuffled = shuffled[size:]
    chance.shuffle(requests)
    merged = []
    while requests:
        request = requests.pop()
        for _ in range(chance.randint(0, 2)):
            if requests:
                request.resource_metrics.extend(requests.pop().resource_metrics)
        merged.append(request)
    return merged


@pytest.mark.parametrize("times", [1, 2, 5])
def test_the_same_points_in_any_order_split_and_merged_through_two_receivers_count_once(start_receiver, times):
    receivers = [start_receiver(), start_receiver()]
    found = collections(now_ns() - 60 * SECOND)
    chance = random.Random(times)
    requests = [request for _ in range(times) for request in pieces(found, chance)]
    chance.shuffle(requests)
    statuses = []

    def send(url, mine):
        statuses.extend(export(url, request).status for request in mine)

    threads = [
        threading.Thread(target=send, args=(receivers[n % 2].url, requests[n::4])) for n in range(4)
    ]  # two receivers, two connections each
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(statuses) == {200}
    answers = [usage(receiver.url, groupBy="type,n,org") for receiver in receivers]
    assert answers[0] == answers[1]
    assert totals(receivers[0].url) == expected(found)
    counts = [get(receiver.url + "/healthz").json["counts"] for receiver in receivers]
    points = sum(len(p) for _, p in found)
    assert sum(c.get("points.accepted", 0) for c in counts) == points
    assert sum(c.get("points.duplicate", 0) for c in counts) == points * (times - 1)


def test_the_first_of_two_values_stays_and_the_second_goes_to_quarantine(receiver):
    end = now_ns()
    first, second = ({"name": "calls", "value": value, "end": end} for value in (3, 5))
    assert export(receiver.url, export_request([first])).rejected == 0
    for _ in range(2):
        assert export(receiver.url, export_request([second])).rejected == 1
    assert totals(receiver.url) == {"calls": "3"}
    [kept] = get(receiver.url + "/api/v1/quarantine").json["points"]
    assert (kept["reason"], kept["times"], kept["orgId"]) == ("conflict", 2, "acme")
    [metric] = kept["request"]["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]
    assert metric["sum"]["dataPoints"][0]["asInt"] == "5"
    replay = post(f"{receiver.url}/api/v1/quarantine/{kept['id']}/replay", b"", JSON).json
    assert replay["outcome"] == "refused"
    assert totals(receiver.url) == {"calls": "3"}


def test_equal_points_inside_one_request_are_distinct_and_add_up(receiver):
    end = now_ns()
    request = export_request([{"name": "calls", "value": value, "end": end} for value in (3, 3, 5)])
    for _ in range(3):
        assert export(receiver.url, request).rejected == 0
    assert totals(receiver.url) == {"calls": "11"}


def test_two_processes_without_an_instance_id_in_one_millisecond_are_both_counted(receiver):
    end = now_ns()
    for start in (end - 10 * SECOND, end - 11 * SECOND):
        point = {"name": "calls", "value": 4, "start": start, "end": end}
        request = export_request([point], resource={"service.name": "js"})
        for _ in range(2):
            assert export(receiver.url, request).rejected == 0
    assert totals(receiver.url) == {"calls": "8"}


def test_ten_bad_points_of_a_thousand_are_refused_alone_and_replayed_when_the_cause_is_gone(start_receiver):
    receiver = start_receiver("--late-seconds-max", "60")
    old, now = now_ns() - 3600 * SECOND, now_ns()
    points = [
        {"name": "calls", "value": 2, "end": old if n % 100 == 50 else now, "attributes": {"org.id": "acme", "n": n}}
        for n in range(1_000)
    ]
    reply = export(receiver.url, export_request(points))
    assert (reply.status, reply.rejected) == (200, 10)
    assert totals(receiver.url) == {"calls": "1980"}
    refused = get(receiver.url + "/api/v1/quarantine", reason="too_old").json["points"]
    assert [(r["reason"], r["times"]) for r in refused] == [("too_old", 1)] * 10
    assert receiver.stop() == 0
    receiver = start_receiver()
    outcomes = [
        [
            p["outcome"]
            for p in post(receiver.url + "/api/v1/quarantine/replay?reason=too_old", b"", JSON).json["points"]
        ]
        for _ in range(2)
    ]
    assert outcomes == [["accepted"] * 10, []]
    assert totals(receiver.url) == {"calls": "2000"}
    again = post(f"{receiver.url}/api/v1/quarantine/{refused[0]['id']}/replay", b"", JSON).json
    assert again["outcome"] == "duplicate"
    assert export(receiver.url, export_request(points)).rejected == 0
    assert totals(receiver.url) == {"calls": "2000"}


def test_ten_thousand_end_times_in_one_request_are_exact(receiver):
    now = now_ns()
    request = export_request([])
    metric = request.resource_metrics[0].scope_metrics[0].metrics.add(name="calls")
    metric.sum.aggregation_temporality, metric.sum.is_monotonic = 1, True
    for n in range(10_000):
        point = metric.sum.data_points.add(start_time_unix_nano=now - SECOND, time_unix_nano=now - n, as_int=n)
        point.attributes.add(key="org.id").value.string_value = f"o{n % 10}"
    for _ in range(2):
        assert export(receiver.url, request).body == b""
    assert totals(receiver.url) == {"calls": str(sum(range(10_000)))}


def test_a_stop_under_load_loses_nothing_that_was_acknowledged(start_receiver):
    receiver = start_receiver()
    acknowledged, stopped = [], threading.Event()
    end = now_ns() - 60 * SECOND

    def send(number):
        for n in range(10_000):
            request = export_request(
                [{"name": "calls", "value": 1, "end": end + n}], resource={"service.instance.id": str(number)}
            )
            try:
                reply = export(receiver.url, request)
            except OSError:
                return
            if reply.status != 200:
                return
            acknowledged.append(1)
            if len(acknowledged) == 100:
                stopped.set()

    threads = [threading.Thread(target=send, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    assert stopped.wait(120)
    assert receiver.stop() == 0
    for thread in threads:
        thread.join()
    stored = int(totals(start_receiver().url)["calls"])
    assert len(acknowledged) <= stored <= len(acknowledged) + len(threads)
