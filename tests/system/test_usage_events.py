"""usage.recorded and usage.aggregated, black box: asked for, told once, told again when late usage changed a total."""

import itertools
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from conftest import run_cli, sql
from otlp import SECOND, export, export_request, get, now_ns, send
from waiting import wait_until

HOUR = 3600 * SECOND
SUBSCRIPTIONS = "/api/v1/events/subscriptions"
EAGER = ("--tell-seconds", "0.05", "--roll-seconds", "0.1", "--close-seconds", "0.1")
MOMENTS = itertools.count()


def ask(receiver, kind, **more):
    reply = send("POST", receiver.url + SUBSCRIPTIONS, {"type": kind, **more})
    assert reply.status in (200, 201), reply.body
    return reply.json


def use(receiver, *values, name="api_calls", org="acme", end=None):
    """One request, of which each value is a point."""
    first = end or now_ns() - 30 * SECOND
    points = [
        {"name": name, "unit": "", "value": v, "attributes": {"org.id": org}, "end": first + next(MOMENTS) * 1000}
        for v in values
    ]
    reply = export(receiver.url, export_request(points))
    assert (reply.status, reply.rejected) == (200, 0)
    return points


def events(receiver, kind, key="", **query):
    found = get(receiver.url + "/api/v1/events", key, type=kind, limit="1000", **query)
    assert found.status == 200, found.body
    return found.json["events"]


def recorded(receiver, **query):
    """(org, metric) -> [quantity, count] over all events."""
    totals = Counter()
    for event in events(receiver, "usage.recorded", **query):
        for metric in event["data"]["metrics"]:
            totals[event["orgId"], metric["metricKey"]] += int(metric["quantity"])
            totals[event["orgId"], metric["metricKey"], "count"] += metric["count"]
    return totals


def told(receiver):
    """(period, start, revision, total of api_calls) of each summary, in order."""
    found = [e["data"] for e in events(receiver, "usage.aggregated")]
    return [(d["periodType"], d["periodStart"], d["revision"], d["metrics"][0]["totalQuantity"]) for d in found]


def rfc3339(ns):
    return datetime.fromtimestamp(ns / SECOND, UTC).isoformat().replace("+00:00", "Z")


def settled(receiver):
    """Wait until a later subscriber's commit is told: what was left before it is told, too."""
    ask(receiver, "usage.recorded", orgId="marker")
    before = len(events(receiver, "usage.recorded", orgId="marker"))

    def is_told():
        use(receiver, 1, org="marker")
        return len(events(receiver, "usage.recorded", orgId="marker")) > before

    wait_until(is_told, what="usage.recorded of the marker")


def test_what_is_recorded_is_told_once_without_duplicates_to_whoever_asked(start_receiver):
    receiver = start_receiver(*EAGER)
    use(receiver, 1)  # nobody asked yet
    assert ask(receiver, "usage.recorded", orgId="acme") == ask(receiver, "usage.recorded", orgId="acme")
    settled(receiver)
    before = recorded(receiver)["acme", "api_calls"]
    points = use(receiver, 5, 7)
    use(receiver, 100, org="other")
    assert export(receiver.url, export_request(points)).status == 200  # sent again
    settled(receiver)
    found = recorded(receiver)
    assert found["acme", "api_calls"] - before == 12
    assert found["other", "api_calls"] == 0
    (event,) = [e for e in events(receiver, "usage.recorded", orgId="acme") if e["orgId"] == "acme"]
    assert event["data"]["metrics"] == [{"metricKey": "api_calls", "unit": "", "quantity": "12", "count": 2}]
    assert (event["data"]["part"], event["data"]["parts"]) == (1, 1)


def test_a_subscription_may_name_metrics_and_ends_when_it_is_deleted(start_receiver):
    receiver = start_receiver(*EAGER)
    number = ask(receiver, "usage.recorded", orgId="acme", metricKey="api_*")["id"]
    settled(receiver)
    use(receiver, 3)
    use(receiver, 4, name="logs")
    settled(receiver)
    assert {key[1] for key in recorded(receiver) if key[0] == "acme"} == {"api_calls"}
    assert send("DELETE", f"{receiver.url}{SUBSCRIPTIONS}/{number}").status == 204
    settled(receiver)
    use(receiver, 5)
    settled(receiver)
    assert recorded(receiver)["acme", "api_calls"] == 3


def test_usage_events_are_neither_lost_nor_doubled_by_receivers_that_are_killed(start_receiver):
    steady, unlucky = start_receiver(*EAGER), start_receiver(*EAGER)
    ask(steady, "usage.recorded", orgId="acme")
    settled(unlucky)
    settled(steady)
    sent = 0
    for _ in range(4):
        threads = [threading.Thread(target=use, args=(r, 1, 2, 3)) for r in (steady, unlucky) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        sent += 60
        unlucky.kill()
        unlucky.start()
    wait_until(lambda: recorded(steady)["acme", "api_calls"] >= sent, what=f"{sent} recorded")
    settled(steady)
    found = recorded(steady)
    assert (found["acme", "api_calls"], found["acme", "api_calls", "count"]) == (sent, sent // 2)
    numbers = [e["id"] for e in events(steady, "usage.recorded")]
    assert len(set(numbers)) == len(numbers)


def test_many_metrics_of_one_commit_are_told_in_pieces(start_receiver):
    receiver = start_receiver(*EAGER)
    ask(receiver, "usage.recorded", orgId="acme")
    settled(receiver)
    end = now_ns() - 30 * SECOND
    points = [
        {"name": f"metric.{n}", "unit": "", "value": 1, "attributes": {"org.id": "acme"}, "end": end}
        for n in range(150)
    ]
    assert export(receiver.url, export_request(points)).status == 200
    wait_until(lambda: len(recorded(receiver, orgId="acme")) >= 300, what="150 metrics")
    found = events(receiver, "usage.recorded", orgId="acme")
    assert [(e["data"]["part"], e["data"]["parts"], len(e["data"]["metrics"])) for e in found] == [
        (1, 2, 100),
        (2, 2, 50),
    ]


def test_a_closed_period_is_told_once_and_again_only_when_late_usage_changed_it(start_receiver):
    receiver = start_receiver(*EAGER)
    for period in ("hourly", "daily"):
        ask(receiver, "usage.aggregated", orgId="acme", periodType=period)
    hour = now_ns() // HOUR * HOUR - 30 * HOUR
    start, day = rfc3339(hour), rfc3339(hour // (24 * HOUR) * 24 * HOUR)
    points = use(receiver, 5, 7, end=hour + SECOND)
    wait_until(lambda: len(told(receiver)) >= 2, what="both summaries")
    assert sorted(told(receiver)) == [("daily", day, 1, "12"), ("hourly", start, 1, "12")]
    assert export(receiver.url, export_request(points)).status == 200  # a resend changes nothing
    use(receiver, 1)  # of a period that is not over yet
    settled(receiver)
    use(receiver, 1, end=hour + 60 * SECOND)
    wait_until(lambda: len(told(receiver)) >= 4, what="the next revisions")
    assert sorted(told(receiver)[2:]) == [("daily", day, 2, "13"), ("hourly", start, 2, "13")]
    shown = get(receiver.url + "/api/v1/usage/summary", metricKey="api_calls", subjectType="org", subjectId="acme",
                periodType="hourly", periodStart=start)  # fmt: skip
    assert shown.json["totalQuantity"] == "13"


MEANINGS = {
    "count": "2", "sum": "12", "avg": "6", "max": "7", "min": "5", "last": "7", "unique": "1",
}  # fmt: skip
"""What becomes of 5 and then 7 in one hour."""


def test_a_summary_is_told_with_the_figure_that_its_definition_says(start_receiver):
    receiver = start_receiver(*EAGER)
    hour = now_ns() // HOUR * HOUR - 30 * HOUR
    for how in MEANINGS:
        unique = {"uniqueDimension": "user"} if how == "unique" else {}
        body = {"key": f"used.{how}", "unit": "", "aggregationType": how, **unique}
        assert send("POST", receiver.url + "/api/v1/metrics", body).status == 201
    own = {"key": "used.sum", "orgId": "globex", "unit": "", "aggregationType": "count"}
    assert send("POST", receiver.url + "/api/v1/metrics", own).status == 201
    ask(receiver, "usage.aggregated", periodType="hourly")
    records = [
        {"metricKey": f"used.{how}", "quantity": quantity, "timestamp": rfc3339(hour + second * SECOND),
         "metadata": {"orgId": org, "user.id": "ada"}}
        for how in MEANINGS for org in ("acme", "globex") for second, quantity in ((1, 5), (2, 7))
    ]  # fmt: skip
    assert send("POST", receiver.url + "/api/v1/usage/records", records).json["accepted"] == len(records)
    wait_until(lambda: len(events(receiver, "usage.aggregated")) >= 2, what="both summaries")
    found = {e["orgId"]: e["data"]["metrics"] for e in events(receiver, "usage.aggregated")}
    for org, metrics in found.items():
        figures = {m["metricKey"]: (m["aggregationType"], m["totalQuantity"], m["recordCount"]) for m in metrics}
        expected = {f"used.{how}": (how, total, 2) for how, total in MEANINGS.items()}
        assert figures == (expected if org == "acme" else expected | {"used.sum": ("count", "2", 2)})
        for metric in metrics:
            shown = get(receiver.url + "/api/v1/usage/summary", metricKey=metric["metricKey"], subjectType="org",
                        subjectId=org, periodType="hourly", periodStart=rfc3339(hour)).json  # fmt: skip
            assert {name: shown[name] for name in metric} == metric


def test_the_next_revision_has_the_figure_of_a_definition_that_changed(start_receiver):
    receiver = start_receiver(*EAGER)
    hour = now_ns() // HOUR * HOUR - 30 * HOUR
    ask(receiver, "usage.aggregated", orgId="acme", periodType="hourly")
    use(receiver, 5, 7, end=hour + SECOND)
    wait_until(lambda: told(receiver), what="the summary")
    (metric,) = get(receiver.url + "/api/v1/metrics").json["metrics"]
    changed = send("PATCH", f"{receiver.url}/api/v1/metrics/{metric['id']}", {"aggregationType": "count"})
    assert changed.status == 200
    use(receiver, 1, end=hour + 60 * SECOND)
    wait_until(lambda: len(told(receiver)) >= 2, what="the next revision")
    assert [row[2:] for row in told(receiver)] == [(1, "12"), (2, "3")]


def test_the_running_period_is_not_told(start_receiver):
    receiver = start_receiver(*EAGER)
    ask(receiver, "usage.aggregated", orgId="acme", periodType="monthly")
    ask(receiver, "usage.aggregated", orgId="acme", periodType="hourly")
    use(receiver, 1, end=now_ns() - 1000 * SECOND if now_ns() % HOUR > 1100 * SECOND else now_ns())
    use(receiver, 2, end=now_ns() // HOUR * HOUR - 40 * HOUR)
    wait_until(lambda: [row for row in told(receiver) if row[0] == "hourly"], what="the hour that is over")
    hours = {start: total for period, start, _, total in told(receiver) if period == "hourly"}
    running = hours.pop(rfc3339(now_ns() // HOUR * HOUR), None)
    assert list(hours.values()) == ["2"]
    assert running is None or time.time_ns() > (now_ns() // HOUR + 1) * HOUR, "unless it ended meanwhile"


@pytest.mark.parametrize(
    "body",
    [
        {}, {"type": "metric.defined"}, {"type": "usage.recorded", "periodType": "daily"},
        {"type": "usage.recorded", "x": 1}, {"type": "usage.aggregated", "periodType": "yearly"},
        {"type": "usage.recorded", "orgId": ""},
    ],
)  # fmt: skip
def test_a_subscription_that_says_something_wrong_is_refused_with_a_sentence(receiver, body):
    reply = send("POST", receiver.url + SUBSCRIPTIONS, body)
    assert (reply.status, reply.headers["Content-Type"]) == (400, "application/problem+json")


def test_the_command_line_asks_lists_and_tails(start_receiver):
    receiver = start_receiver(*EAGER)
    number = run_cli("events", "subscribe", "usage.recorded", "--org", "acme", "--url", receiver.url).stdout.strip()
    assert number in run_cli("events", "subscriptions", "--json", "--url", receiver.url).stdout
    settled(receiver)
    use(receiver, 12)
    settled(receiver)
    tail = run_cli("events", "tail", "--no-follow", "--type", "usage.recorded", "--org", "acme", "--url", receiver.url)
    assert "api_calls 12" in tail.stdout, tail.stderr
    assert run_cli("events", "unsubscribe", number, "--url", receiver.url).returncode == 0
    assert number not in run_cli("events", "subscriptions", "--json", "--url", receiver.url).stdout


def test_a_cursor_of_before_what_is_kept_is_told_so_and_a_filter_leaves_none_behind(start_receiver, database_url):
    receiver = start_receiver(*EAGER, "--upkeep-seconds", "0.2", "--keep-events-days", "1")
    use(receiver, 1)
    wait_until(lambda: events(receiver, "metric.defined"), what="metric.defined")
    quiet = get(receiver.url + "/api/v1/events", type="threshold.exceeded").json
    everything = get(receiver.url + "/api/v1/events").json
    assert (quiet["events"], quiet["nextAfter"]) == ([], everything["nextAfter"])
    ask(receiver, "usage.recorded")
    settled(receiver)
    second = int(everything["nextAfter"]) + 1
    old = datetime.now(UTC) - timedelta(days=2)
    sql(database_url, f"UPDATE event SET at = '{old.isoformat()}' WHERE number <= {second}")
    wait_until(lambda: get(receiver.url + "/api/v1/events", after="1").status == 410, what="the drop")
    gone = get(receiver.url + "/api/v1/events", after="1")
    assert gone.json["oldestAfter"] == str(second)
    kept = get(receiver.url + "/api/v1/events", after=gone.json["oldestAfter"]).json["events"]
    assert kept == get(receiver.url + "/api/v1/events").json["events"]
    assert int(kept[0]["cursor"]) == second + 1
