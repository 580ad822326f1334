"""Local hours, days, weeks and months in any zone, before and after rolling, against a recomputation in Python."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from otlp import SECOND, export, export_request, get, usage
from waiting import wait_until

pytestmark = pytest.mark.editions
LATE = ("--late-seconds-max", "1000000000")
ZONES = (
    "UTC", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns",
    "Pacific/Chatham", "Africa/Cairo", "America/New_York",
)  # fmt: skip
WINDOWS = (
    ("2026-03-20T00:00:00Z", "2026-04-10T00:00:00Z"),
    ("2026-03-28T10:07:03.500000Z", "2026-04-06T05:31:00Z"),
    ("2026-10-24T18:30:00Z", "2026-11-02T18:15:00Z"),
    ("2026-03-29T01:01:00Z", "2026-03-29T01:02:30Z"),
)


def samples():
    """(end in ns, value, region): around both changes of daylight saving time, and on the borders of quarters."""
    chance = random.Random(26)
    found = []
    for day in (datetime(2026, 3, 20, tzinfo=UTC), datetime(2026, 10, 23, tzinfo=UTC)):
        base = int(day.timestamp()) * SECOND
        for n in range(700):
            seconds = chance.choice([chance.randrange(20 * 86_400), chance.randrange(20 * 96) * 900])
            found.append((base + seconds * SECOND + chance.choice([0, 1, n]), chance.randint(1, 50), n % 2))
    return found


def bucket(end_ns, unit, zone):
    """The local bucket of the time less one nanosecond."""
    micro = (end_ns - 1) // 1000
    utc = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micro)
    local = utc.astimezone(zone)
    if unit == "hour":
        return local.replace(minute=0, second=0, microsecond=0).isoformat().replace("+00:00", "Z")
    if unit == "week":
        return (local.date() - timedelta(days=local.weekday())).isoformat()
    return local.strftime("%Y-%m") if unit == "month" else local.date().isoformat()


def expected(found, window, unit, zone, by_region):
    start, end = (datetime.fromisoformat(text) for text in window)
    sums = Counter()
    for end_ns, value, region in found:
        at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=(end_ns - 1) // 1000)
        if start <= at < end:
            sums[bucket(end_ns, unit, zone), str(region) if by_region else None] += value
    return dict(sums)


@pytest.fixture(scope="module")
def found():
    return samples()


def send(receiver, found):
    points = [
        {"name": "calls", "value": value, "end": end, "attributes": {"org.id": "acme", "region": region}}
        for end, value, region in found
    ]
    assert export(receiver.url, export_request(points)).rejected == 0


def check_all(receiver, found):
    for zone_name in ZONES:
        zone = ZoneInfo(zone_name)
        for window in WINDOWS:
            for unit in ("hour", "day", "week", "month"):
                for by_region in (False, True):
                    groups = f"{unit},region" if by_region else unit
                    query = {"orgId": "acme", "from_": window[0], "to": window[1], "tz": zone_name, "groupBy": groups}
                    rows = usage(receiver.url, **query)["rows"]
                    answer = {(row[unit], row.get("region")): int(row["quantity"]) for row in rows}
                    assert answer == expected(found, window, unit, zone, by_region), query


def test_local_buckets_are_exact_before_rolling(start_receiver, found):
    receiver = start_receiver("--roll-seconds", "3600", *LATE)
    send(receiver, found)
    check_all(receiver, found)


def test_local_buckets_are_exact_after_rolling(start_receiver, found):
    receiver = start_receiver("--roll-seconds", "0.05", *LATE)
    send(receiver, found)
    wait_until_rolled(receiver)
    check_all(receiver, found)


def wait_until_rolled(receiver):
    wait_until(lambda: get(receiver.url + "/healthz").json["counts"].get("deltas.rolled", 0) > 0)


def test_answers_are_the_same_before_while_and_after_rolling(start_receiver, found):
    receiver = start_receiver("--roll-seconds", "0.01", "--roll-rows-max", "5", *LATE)
    send(receiver, found)
    total = str(sum(value for _, value, _ in found))
    for _ in range(150):
        answer = usage(receiver.url, from_="2026-01-01", to="2027-01-01")
        assert [row["quantity"] for row in answer["totals"]] == [total]


def test_levels_have_last_least_and_greatest_of_each_window(start_receiver):
    receiver = start_receiver("--roll-seconds", "0.05", *LATE)
    base = int(datetime(2026, 5, 4, tzinfo=UTC).timestamp()) * SECOND
    chance = random.Random(4)
    found = [(base + chance.randrange(1, 3 * 86_400) * SECOND, chance.randint(-20, 99), n % 2) for n in range(300)]
    found += [(base + 3 * 86_400 * SECOND, value, 0) for value in (5, 9, 7)]
    chance.shuffle(found)
    for n in range(0, len(found), 50):
        points = [
            {"name": "disk", "kind": "gauge", "unit": "By", "value": value, "end": end,
             "attributes": {"org.id": "acme", "disk": disk}}
            for end, value, disk in found[n : n + 50]
        ]  # fmt: skip
        instance = {"service.instance.id": str(n)}
        assert export(receiver.url, export_request(points, resource=instance)).rejected == 0
    for group in ("day,disk", "disk", "day"):
        query = {"orgId": "acme", "from_": "2026-05-01", "to": "2026-06-01", "groupBy": group}
        rows = {
            (r.get("day"), r.get("disk")): tuple(int(r["level"][name]) for name in ("last", "min", "max"))
            for r in usage(receiver.url, **query)["rows"]
            if r["count"]
        }
        assert rows == levels(found, group)


def levels(found, group):
    """last, min, max by recomputation: over several disks the last ones add up."""
    sets = {}
    for end, value, disk in found:
        day = bucket(end, "day", ZoneInfo("UTC")) if "day" in group else None
        sets.setdefault((day, str(disk)), []).append((end, value))
    merged = {}
    for (day, disk), samples_ in sets.items():
        key = (day, disk if "disk" in group else None)
        last, low, high = merged.get(key, (0, float("inf"), float("-inf")))
        values = [value for _, value in samples_]
        merged[key] = (last + max(samples_)[1], min(low, *values), max(high, *values))
    return merged


def test_filters_patterns_and_limits(start_receiver):
    receiver = start_receiver("--query-rows-max", "5")
    points = [
        {"name": name, "value": 1, "attributes": {"org.id": org, "project.id": project, "region": region, "n": n}}
        for n, (name, org, project, region) in enumerate(
            (name, org, project, region)
            for name in ("logs.bytes", "logs.events", "queries")
            for org in ("acme", "globex")
            for project in ("web", "shop")
            for region in ("eu", "us")
        )
    ]
    assert export(receiver.url, export_request(points)).rejected == 0

    def counts(**query):
        return {row["type"]: row["count"] for row in usage(receiver.url, **query)["totals"]}

    assert counts() == {"logs.bytes": 8, "logs.events": 8, "queries": 8}
    assert counts(type="LOGS.*") == {"logs.bytes": 8, "logs.events": 8}
    assert counts(type=["queries", "logs.bytes"]) == {"logs.bytes": 8, "queries": 8}
    assert counts(type="logs") == {}
    assert counts(orgId="acme", projectId="web", type="queries") == {"queries": 2}
    assert counts(**{"attr.region": "eu", "orgId": "acme", "type": "queries"}) == {"queries": 2}
    assert counts(**{"attr.region": ["eu", "us"], "type": "queries"}) == {"queries": 8}
    assert counts(**{"attr.region": "eu", "attr.service.name": "nobody"}) == {}
    rows = usage(receiver.url, type="queries", orgId="acme", groupBy="project,region")["rows"]
    assert [(row["project"], row["region"], row["quantity"]) for row in rows] == [
        ("shop", "eu", "1"), ("shop", "us", "1"), ("web", "eu", "1"), ("web", "us", "1"),
    ]  # fmt: skip
    refused = get(receiver.url + "/api/usage", groupBy="n")
    assert (refused.status, "5 rows" in refused.json["detail"]) == (400, True)
    assert get(receiver.url + "/api/usage", projectId="web").status == 400
