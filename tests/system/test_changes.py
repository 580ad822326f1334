"""GET /api/v1/changes, black box: whoever listens is told that something was committed, and of nobody else's."""

import itertools
import threading
import urllib.request
from urllib.parse import urlsplit

import pytest
from conftest import run_cli, sql, with_database
from otlp import SECOND, export, export_request, get, now_ns, send
from waiting import wait_until

USAGE = b"event: usage\n"
WAIT_SECONDS = 60
MOMENTS = itertools.count()


class Stream:
    """A stream that is read in the background, line by line."""

    def __init__(self, receiver, key="", **query):
        text = "&".join(f"{name}={value}" for name, value in query.items())
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        request = urllib.request.Request(f"{receiver.url}/api/v1/changes?{text}", headers=headers)
        self._reply = urllib.request.urlopen(request, timeout=WAIT_SECONDS)
        self.lines = []
        self._news = threading.Condition()
        self._is_over = False
        threading.Thread(target=self._read, daemon=True).start()
        self.wait(lambda lines: lines.count(b"data: {}\n"))  # it begins with what may have been missed before

    def _read(self):
        for line in self._reply:
            with self._news:
                self.lines.append(line)
                self._news.notify_all()
        with self._news:
            self._is_over = True
            self._news.notify_all()

    def wait(self, is_there):
        with self._news:
            assert self._news.wait_for(lambda: is_there(self.lines), WAIT_SECONDS), self.lines

    def heard(self, line, count):
        """Wait until a line came so often."""
        self.wait(lambda lines: lines.count(line) >= count)

    def ended(self):
        with self._news:
            assert self._news.wait_for(lambda: self._is_over, WAIT_SECONDS)
        return self.lines


def use(receiver, org="acme", key=""):
    end = now_ns() - 30 * SECOND + next(MOMENTS)
    point = {"name": "requests", "unit": "1", "value": 1, "attributes": {"org.id": org}, "end": end}
    return export(receiver.url, export_request([point]), key).status


def key_of(url, *options):
    made = run_cli("keys", "create", "--name", "k", *options, "--database-url", url).stdout
    return next(word for word in made.split() if word.startswith("tsk_"))


def test_a_commit_is_told_by_each_receiver_of_the_database(start_receiver):
    first, second = start_receiver(), start_receiver()
    here, there = Stream(first, topic="usage"), Stream(second, topic="usage")
    assert use(first) == 200
    here.heard(USAGE, 2)
    there.heard(USAGE, 2)
    assert use(first) == 200
    here.heard(USAGE, 3)
    there.heard(USAGE, 3)
    assert {line for line in here.lines if line.startswith(b"event")} == {USAGE}


def test_an_organisation_hears_of_its_own_usage_only(start_receiver, database_url):
    keys = {org: key_of(database_url, "--scope", "read", "--org", org) for org in ("acme", "globex")}
    agent = key_of(database_url, "--scope", "ingest")
    receiver = start_receiver()
    own, other = (Stream(receiver, keys[org], topic="usage") for org in ("acme", "globex"))
    assert use(receiver, "globex", agent) == 200
    other.heard(USAGE, 2)
    assert receiver.stop() == 0
    assert own.ended().count(USAGE) == 1


def test_costs_and_events_are_told(start_receiver):
    receiver = start_receiver("--cost-seconds", "0.1", "--evaluate-seconds", "0.1", "--roll-seconds", "0.1")
    rate = {
        "metricKey": "requests", "unit": "1", "price": "2", "currency": "USD", "validFrom": "2020-01-01T00:00:00Z",
        "sourceUrl": "https://example.com/contract", "checkedOn": "2026-11-01",
    }  # fmt: skip
    made = send("POST", receiver.url + "/api/v1/rates", rate)
    assert made.status == 201, made.body
    costs, events = Stream(receiver, topic="cost"), Stream(receiver, topic="event")
    assert use(receiver) == 200
    events.heard(b"event: event\n", 2)
    assert [e["type"] for e in get(receiver.url + "/api/v1/events").json["events"]] == ["metric.defined"]
    costs.heard(b"event: cost\n", 2)


@pytest.mark.parametrize("path", ["changes", "events"])
def test_a_stream_ends_when_its_key_is_revoked(start_receiver, database_url, path):
    key = key_of(database_url, "--scope", "read")
    receiver = start_receiver()
    headers = {"Authorization": f"Bearer {key}", "Accept": "text/event-stream"}
    request = urllib.request.Request(f"{receiver.url}/api/v1/{path}", headers=headers)
    with urllib.request.urlopen(request, timeout=WAIT_SECONDS) as stream:
        assert stream.readline() == b"retry: 2000\n"
        run_cli("keys", "revoke", key.split("_")[1], "--database-url", database_url)
        stream.read()  # to its end
    assert get(f"{receiver.url}/api/v1/{path}", key).status == 401


def test_a_stream_outlives_a_database_that_is_away_and_says_that_something_may_have_been_missed(receiver, database_url):
    stream = Stream(receiver, topic="usage")
    name, server = urlsplit(database_url).path[1:], with_database(database_url, "postgres")
    cut = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
    sql(server, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false", cut)
    stream.heard(USAGE, 2)
    sql(server, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    stream.heard(USAGE, 3)  # it hears again
    wait_until(lambda: use(receiver) == 200)
    stream.heard(USAGE, 4)


def test_what_nobody_knows_is_refused(receiver):
    for wrong in ({"topic": "weather"}, {"topic": ""}, {"topics": "usage"}, {"orgId": ""}):
        refused = get(receiver.url + "/api/v1/changes", **wrong)
        assert (refused.status, refused.headers["Content-Type"]) == (400, "application/problem+json"), wrong
