"""Thresholds, their events and allowances, black box: over HTTP only."""

import itertools
import json
import threading
import urllib.request
from datetime import UTC, datetime, timedelta

import pytest
from conftest import run_cli
from otlp import SECOND, export, export_request, get, now_ns, send
from waiting import wait_until

ORG = {"org.id": "acme", "project.id": "web"}


MOMENTS = itertools.count()


def use(receiver, value, *, attributes=None, end=None, name="api_calls", **more):
    end = end or now_ns() + next(MOMENTS) * 1_000  # each is a point of its own, of this month
    point = {"name": name, "unit": "", "value": value, "attributes": attributes or ORG, "end": end}
    reply = export(receiver.url, export_request([point | more]))
    assert (reply.status, reply.rejected) == (200, 0)


def draw(receiver, threshold=100, **more):
    body = {"metricKey": "api_calls", "subjectId": "acme", "threshold": threshold, "levels": [50, 80, 100], **more}
    created = send("POST", receiver.url + "/api/v1/thresholds", body)
    assert created.status == 201, created.body
    return created.json


def events(receiver, key="", **query):
    found = get(receiver.url + "/api/v1/events", key, **query)
    assert found.status == 200, found.body
    return found.json["events"]


def crossings(receiver):
    """(type, level, used) of all events of thresholds, in order."""
    return [(e["type"].removeprefix("threshold."), e["data"]["level"], e["data"]["used"])
            for e in events(receiver) if e["type"].startswith("threshold.")]  # fmt: skip


def settled(receiver, expected):
    """Wait for these crossings, and that no round adds any."""
    wait_until(lambda: len(crossings(receiver)) >= len(expected), what=f"{expected} (there is {crossings(receiver)})")
    evaluated = get(receiver.url + "/healthz").json["counts"].get("thresholds.evaluated", 0)
    send("POST", receiver.url + "/api/v1/usage/alerts", {"threshold_percent": 999})  # has everything evaluated
    wait_until(lambda: get(receiver.url + "/healthz").json["counts"].get("thresholds.evaluated", 0) > evaluated)
    assert crossings(receiver) == expected


ALL_THREE = [("approaching", 50, "100"), ("approaching", 80, "100"), ("exceeded", 100, "100")]


def test_three_levels_crossed_in_one_commit_are_three_events_once_each(receiver):
    threshold = draw(receiver)
    use(receiver, 100)
    settled(receiver, ALL_THREE)
    last = events(receiver)[-1]
    month = datetime.now(UTC).strftime("%Y-%m-01T00:00:00Z")
    assert (last["orgId"], last["data"]["thresholdId"], last["data"]["periodStart"]) == ("acme", threshold["id"], month)
    assert (last["data"]["percent"], last["data"]["isClosed"]) == ("100", False)


def test_a_receiver_killed_in_between_repeats_nothing_and_loses_nothing(start_receiver):
    receiver = start_receiver("--evaluate-seconds", "0.05")
    draw(receiver)
    for step in (50, 30, 20):
        use(receiver, step)
        receiver.kill()
        receiver.start()
    wait_until(lambda: len(crossings(receiver)) == 3)
    settled(receiver, crossings(receiver))
    assert [(kind, level) for kind, level, _ in crossings(receiver)] == [found[:2] for found in ALL_THREE]


def test_usage_that_is_rolled_up_before_a_round_is_noticed(start_receiver):
    receiver = start_receiver("--evaluate-seconds", "1.5", "--roll-seconds", "0.05")
    draw(receiver)
    for value in (40, 60):
        use(receiver, value)
    wait_until(lambda: crossings(receiver)[-1:] == [("exceeded", 100, "100")])


def test_a_limit_raised_retracts_and_lowered_announces_again(receiver):
    threshold = draw(receiver, levels=[100])
    use(receiver, 100)
    settled(receiver, [("exceeded", 100, "100")])
    url = f"{receiver.url}/api/v1/thresholds/{threshold['id']}"
    assert send("PATCH", url, {"threshold": "200"}).json["threshold"] == "200"
    settled(receiver, [("exceeded", 100, "100"), ("retracted", 100, "100")])
    send("PATCH", url, {"threshold": 50})
    settled(receiver, [("exceeded", 100, "100"), ("retracted", 100, "100"), ("exceeded", 100, "100")])
    assert events(receiver)[-1]["data"]["occurrence"] == 2


def test_a_changed_definition_is_read_at_once_and_may_retract(receiver):
    draw(receiver, levels=[100])
    use(receiver, 100)
    settled(receiver, [("exceeded", 100, "100")])
    number = get(receiver.url + "/api/v1/metrics").json["metrics"][0]["id"]
    assert send("PATCH", f"{receiver.url}/api/v1/metrics/{number}", {"aggregationType": "count"}).status == 200
    settled(receiver, [("exceeded", 100, "100"), ("retracted", 100, "1")])
    assert send("DELETE", f"{receiver.url}/api/v1/metrics/{number}").status == 409


@pytest.mark.parametrize(
    ("subject_type", "subject"), [("project", "web"), ("region", "eu"), ("user", "u1"), ("service.name", "test")]
)
def test_a_subject_is_a_project_a_user_or_any_dimension(receiver, subject_type, subject):
    draw(receiver, subjectType=subject_type, subjectId=subject, orgId="acme", levels=[100])
    use(receiver, 500, attributes={"org.id": "acme", "project.id": "b", "region": "us", "user.id": "u2"})
    if subject_type == "service.name":
        settled(receiver, [("exceeded", 100, "500")])
        return
    use(receiver, 99, attributes={"org.id": "acme", "project.id": "web", "region": "eu", "user.id": "u1"})
    use(
        receiver,
        1,
        attributes={"org.id": "acme", "project.id": "web", "region": "eu", "user.id": "u1"},
        end=now_ns() - SECOND,
    )
    settled(receiver, [("exceeded", 100, "100")])


def test_a_level_that_falls_is_retracted_and_announced_again_when_it_rises(receiver):
    draw(receiver, metricKey="disk", levels=[100])
    for n, (value, expected) in enumerate([(100, "exceeded"), (10, "retracted"), (300, "exceeded")]):
        use(receiver, value, name="disk", kind="gauge", end=now_ns() - (10 - n) * SECOND)
        wait_until(lambda n=n: len(crossings(receiver)) == n + 1)
        assert crossings(receiver)[-1] == (expected, 100, str(value))


def test_an_alert_adds_a_level_to_every_threshold(receiver):
    body = {"threshold_percent": 80, "notify_email": "billing@mycompany.com", "notify_slack": True}
    alert = send("POST", receiver.url + "/api/v1/usage/alerts", body)
    assert alert.status == 201
    assert {name: alert.json[name] for name in body} == body
    draw(receiver, levels=[100])
    use(receiver, 85)
    wait_until(lambda: crossings(receiver) == [("approaching", 80, "85")])
    assert get(receiver.url + "/api/v1/usage/alerts").json["alerts"] == [alert.json]
    assert send("DELETE", f"{receiver.url}/api/v1/usage/alerts/{alert.json['id']}").status == 204


def allowance(receiver, **query):
    found = get(receiver.url + "/api/v1/usage/allowance", orgId="acme", metricKey="api_calls", **query)
    assert found.status == 200, found.body
    return found.json


@pytest.mark.editions
def test_an_allowance_is_exact_right_after_the_commit(receiver):
    assert allowance(receiver) | {"asOf": ""} == {"allowed": True, "used": "0", "limit": None, "resetsAt": None,
                                                  "asOf": ""}  # fmt: skip
    draw(receiver, action="block")
    draw(receiver, threshold=50, action="alert")
    use(receiver, 99)
    following = (datetime.now(UTC).replace(day=1) + timedelta(days=32)).strftime("%Y-%m-01T00:00:00Z")
    found = allowance(receiver)
    assert found | {"asOf": ""} == {"allowed": True, "used": "99", "limit": "100", "resetsAt": following, "asOf": ""}
    use(receiver, 1)
    assert (allowance(receiver)["allowed"], allowance(receiver)["used"]) == (False, "100")


def test_events_come_by_cursor_and_by_type(receiver):
    draw(receiver)
    use(receiver, 100)
    settled(receiver, ALL_THREE)
    whole, one, after = events(receiver), [], "0"
    while page := get(receiver.url + "/api/v1/events", after=after, limit="1").json:
        if not page["events"]:
            break
        one += page["events"]
        after = page["nextAfter"]
    assert one == whole
    assert [e["type"] for e in events(receiver, type="metric.defined")] == ["metric.defined"]
    assert events(receiver, orgId="other") == events(receiver, type="metric.defined")
    for wrong in ({"type": "nonsense"}, {"after": "-1"}, {"after": "9" * 30}, {"colour": "red"}):
        assert get(receiver.url + "/api/v1/events", **wrong).status == 400


def test_a_stream_goes_on_after_the_last_event_that_was_seen(receiver):
    draw(receiver)
    use(receiver, 50)
    wait_until(lambda: len(crossings(receiver)) == 1)
    seen = events(receiver)[-1]["cursor"]
    request = urllib.request.Request(
        receiver.url + "/api/v1/events", headers={"Accept": "text/event-stream", "Last-Event-ID": seen}
    )
    got = []

    def read():
        with urllib.request.urlopen(request, timeout=120) as stream:
            for line in stream:
                if line.startswith(b"data: "):
                    got.append(json.loads(line.removeprefix(b"data: ")))
                if len(got) == 2:
                    return

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    use(receiver, 50)
    reader.join(120)
    assert [event["data"]["level"] for event in got] == [80, 100]


def test_a_receiver_with_open_streams_stops_in_time(receiver):
    request = urllib.request.Request(receiver.url + "/api/v1/events", headers={"Accept": "text/event-stream"})
    with urllib.request.urlopen(request, timeout=120) as stream:
        assert stream.readline() == b"retry: 2000\n"
        assert receiver.stop() == 0


@pytest.mark.parametrize(
    "body",
    [{"threshold": 0}, {"threshold": -1}, {"threshold": "NaN"}, {"threshold": True}, {"threshold": None},
     {"levels": []}, {"levels": [0]}, {"levels": [80.5]}, {"levels": "80"}, {"action": "explode"}, {"timeZone": "Mars"},
     {"resetPeriod": "weekly"}, {"notifyEmails": ["no address"]}, {"notifyEmails": ["a@b\r\nBcc: c@d"]},
     {"notifySlack": "yes"}, {"subjectType": "hour"}, {"subjectId": ""}, {"colour": "red"}, {"orgId": "b"}],
)  # fmt: skip
def test_a_bad_threshold_is_refused_with_a_sentence(receiver, body):
    refused = send("POST", receiver.url + "/api/v1/thresholds",
                   {"metricKey": "m", "subjectId": "acme", "threshold": 1} | body)  # fmt: skip
    assert (refused.status, refused.headers["Content-Type"]) == (400, "application/problem+json"), refused.body


def test_a_key_sees_and_changes_what_is_of_its_organisation_only(start_receiver, database_url):
    def new_key(scope, org):
        done = run_cli(
            "keys", "create", "--name", "k", "--org", org, "--scope", scope, "--json", "--database-url", database_url
        )
        return json.loads(done.stdout)["key"]

    admin, acme, other = new_key("admin", "*"), new_key("admin", "acme"), new_key("admin", "b")
    receiver = start_receiver()
    url = receiver.url + "/api/v1/thresholds"
    body = {"metricKey": "api_calls", "subjectId": "acme", "threshold": 1}
    assert send("POST", url, body, other).status == 403
    number = send("POST", url, body, acme).json["id"]
    assert [t["id"] for t in get(url, admin).json["thresholds"]] == [number]
    assert get(url, other).json["thresholds"] == []
    for method, content in (("GET", None), ("PATCH", {"threshold": 5}), ("DELETE", None)):
        assert send(method, f"{url}/{number}", content, other).status == 404
    assert export(receiver.url, export_request([{"name": "api_calls", "value": 9}]), acme).status in (200, 403)
    assert export(receiver.url, export_request([{"name": "api_calls", "value": 9}]), admin).status == 200
    wait_until(lambda: any(e["orgId"] == "acme" for e in events(receiver, acme)))
    assert [e for e in events(receiver, other) if e["orgId"] is not None] == []
    assert get(receiver.url + "/api/v1/events", other, orgId="acme").status == 403
    assert get(receiver.url + "/api/v1/usage/allowance", other, orgId="acme", metricKey="api_calls").status == 403
    everybody = send("POST", receiver.url + "/api/v1/usage/alerts", {"threshold_percent": 50}, admin).json["id"]
    assert send("DELETE", f"{receiver.url}/api/v1/usage/alerts/{everybody}", None, acme).status == 403


def test_the_command_line_draws_lists_and_deletes_and_shows_events(receiver):
    at = ("--url", receiver.url)
    made = run_cli("thresholds", "create", "api_calls", "100", "--org", "acme", "--level", "50", "--level", "100", *at)
    assert (made.returncode, made.stderr) == (0, "")
    (listed,) = json.loads(run_cli("thresholds", "list", "--json", *at).stdout)
    assert (listed["id"], listed["levels"], listed["subjectId"]) == (made.stdout.strip(), [50, 100], "acme")
    use(receiver, 60)
    wait_until(lambda: len(crossings(receiver)) == 1)
    shown = run_cli("events", "tail", "--no-follow", *at).stdout
    assert "api_calls of org acme: 60 of 100, level 50 %" in shown
    lines = run_cli("events", "tail", "--no-follow", "--json", *at).stdout.splitlines()
    assert [json.loads(line) for line in lines] == events(receiver)
    assert run_cli("thresholds", "delete", listed["id"], *at).returncode == 0
    assert run_cli("thresholds", "delete", listed["id"], *at).returncode == 1


def test_the_command_line_changes_a_threshold_and_says_what_is_left(receiver):
    at = ("--url", receiver.url)
    made = run_cli("thresholds", "create", "api_calls", "100", "--org", "acme", "--email", "a@b.example", *at)
    number = made.stdout.strip()
    use(receiver, 60)
    left = run_cli("usage", "allowance", "api_calls", "--org", "acme", "--json", *at)
    assert (left.returncode, json.loads(left.stdout)["used"], json.loads(left.stdout)["limit"]) == (0, "60", "100")
    assert run_cli("thresholds", "update", number, "--amount", "50", "--action", "block", *at).returncode == 0
    (listed,) = json.loads(run_cli("thresholds", "list", "--json", *at).stdout)
    assert (listed["threshold"], listed["action"], listed["notifyEmails"]) == ("50", "block", ["a@b.example"])
    left = run_cli("usage", "allowance", "api_calls", "--org", "acme", *at)
    assert (left.returncode, "60" in left.stdout, "50" in left.stdout) == (1, True, True)
    assert run_cli("thresholds", "update", number, *at).returncode == 2


def test_the_command_line_creates_lists_and_deletes_alerts(receiver):
    at = ("--url", receiver.url)
    made = run_cli("alerts", "create", "95", "--email", "billing@b.example", "--metric", "api_calls", *at)
    (listed,) = json.loads(run_cli("alerts", "list", "--json", *at).stdout)
    assert (listed["id"], listed["threshold_percent"]) == (made.stdout.strip(), 95)
    assert (listed["notify_email"], listed["metric_key"]) == ("billing@b.example", "api_calls")
    assert run_cli("alerts", "delete", listed["id"], *at).returncode == 0
    assert json.loads(run_cli("alerts", "list", "--json", *at).stdout) == []


def test_a_threshold_without_a_subject_is_the_organisations(receiver):
    made = send(
        "POST", receiver.url + "/api/v1/thresholds", {"orgId": "acme", "metricKey": "api_calls", "threshold": 9}
    )
    assert (made.status, made.json["subjectType"], made.json["subjectId"]) == (201, "org", "acme")


@pytest.mark.parametrize(("came", "defined", "said"), [("By", "GB", "By"), ("", "calls", "calls"), ("By", "By", "By")])
def test_a_crossing_and_a_summary_bear_the_unit_of_the_usage(receiver, came, defined, said):
    body = {"key": "api_calls", "unit": defined, "aggregationType": "sum"}
    assert send("POST", receiver.url + "/api/v1/metrics", body).status == 201
    draw(receiver, levels=[100])
    use(receiver, 100, unit=came)
    settled(receiver, ALL_THREE[-1:])
    (crossing,) = (e["data"] for e in events(receiver) if e["type"] == "threshold.exceeded")
    summary = get(
        receiver.url + "/api/v1/usage/summary", metricKey="api_calls", orgId="acme", periodType="monthly"
    ).json
    assert (crossing["unit"], summary["unit"]) == (said, said)
