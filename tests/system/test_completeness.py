"""The sender's half matches: what is missing shows up with its amount, silence is unknown, never zero (promise 5)."""

import json
import time
from datetime import UTC, datetime

import pytest
from conftest import run_cli
from google.protobuf.json_format import MessageToJson
from otlp import JSON, SECOND, export, export_request, get, lately, now_ns, post, totals, usage
from pricing import rate
from sender import Sender, merged


@pytest.fixture
def receiver(start_receiver):
    return start_receiver(
        "--balance-seconds", "0.05", "--gap-grace-seconds", "0.2", "--silent-seconds-min", "86400",
    )  # fmt: skip


def rfc3339(time_ns):
    return datetime.fromtimestamp(time_ns // SECOND, UTC).isoformat().replace("+00:00", "Z")


def books(receiver, key="", **query):
    reply = get(receiver.url + "/api/v1/completeness", key, **(lately() | query))
    assert reply.status == 200, reply.body
    return reply.json


def eventually(condition, seconds=60):
    """What the condition returns when it is true; the balancer works in the background."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return found


def wait_for(receiver, state, until_ns, **query):
    def reached():
        found = books(receiver, **query)
        return found if (found["state"], found["until"]) == (state, rfc3339(until_ns)) else None

    return eventually(reached)


def test_nobody_announced_anything_is_unknown_and_not_zero(receiver):
    found = books(receiver)
    assert (found["state"], found["until"], found["gaps"], found["writers"]["announcing"]) == ("unknown", None, [], 0)
    assert usage(receiver.url)["completeness"] == {"state": "unknown", "until": None}


def test_what_is_announced_and_here_is_complete_until_the_end_of_the_last_collection(receiver):
    sender = Sender()
    for amount in (1, 2, 3):
        assert export(receiver.url, sender.whole(requests=[amount, 10])).rejected == 0
    found = wait_for(receiver, "complete", sender.end)
    assert (found["gaps"], found["silent"], found["unannounced"]) == ([], [], [])
    assert usage(receiver.url, orgId="acme")["completeness"] == {"state": "complete", "until": rfc3339(sender.end)}
    assert totals(receiver.url) == {"requests": "36"}


def test_an_idle_collection_is_news(receiver):
    sender = Sender()
    export(receiver.url, sender.whole(requests=[1]))
    export(receiver.url, sender.whole())
    export(receiver.url, sender.whole())
    wait_for(receiver, "complete", sender.end)
    assert totals(receiver.url) == {"requests": "1"}


def test_a_body_thrown_away_is_a_known_gap_of_exactly_its_amount_and_closes_when_it_arrives(receiver):
    sender = Sender()
    export(receiver.url, sender.whole(requests=[1], bytes=[100]))
    start = sender.end
    thrown_away = sender.whole(requests=[7, 8], bytes=[5000])
    end = sender.end
    export(receiver.url, sender.whole(requests=[2]))

    found = wait_for(receiver, "gaps", sender.end)
    writer = {"orgId": None, "namespace": "", "service": "app", "instance": "sender-1"}
    span = {"from": rfc3339(start), "to": rfc3339(end)}
    assert found["gaps"] == [
        {"type": "bytes", "unit": "1", **span, "points": 1, "quantity": "5000", "writer": writer},
        {"type": "requests", "unit": "1", **span, "points": 2, "quantity": "15", "writer": writer},
    ]
    assert usage(receiver.url, orgId="acme", type="requests")["completeness"] == {
        "state": "gaps", "until": rfc3339(sender.end),
        "missing": [{"type": "requests", "unit": "1", "points": 2, "quantity": "15"}],
    }  # fmt: skip
    assert books(receiver, type="other")["state"] == "complete"

    assert export(receiver.url, thrown_away).rejected == 0
    wait_for(receiver, "complete", sender.end)
    assert totals(receiver.url) == {"requests": "18", "bytes": "5100"}


def test_what_usage_costs_says_what_is_missing_of_the_usage(receiver):
    sender = Sender()
    export(receiver.url, sender.whole(requests=[1]))
    sender.whole(requests=[7])
    export(receiver.url, sender.whole(requests=[2]))
    wait_for(receiver, "gaps", sender.end)
    known = usage(receiver.url)["completeness"]
    assert [row["quantity"] for row in known["missing"]] == ["7"]
    for report in ("", "/top", "/distribution", "/trend", "/unit-economics"):
        reply = get(f"{receiver.url}/api/v1/costs{report}", **lately())
        assert (reply.status, reply.json["completeness"]) == (200, known), report
    file = get(f"{receiver.url}/api/v1/costs/export", **lately())
    assert file.headers["Tallystick-Completeness"] == f"gaps; until={known['until']}"
    window = ("--from", lately()["from_"], "--to", lately()["to"])
    for report in ((), ("top",)):
        told = run_cli("cost", *report, "--url", receiver.url, *window)
        assert "Known to be missing: 7 " in told.stdout


def test_whoever_closes_a_month_is_told_what_is_missing_of_it(receiver):
    rate(receiver, metricKey="requests", unit="1", price="0.5")
    sender = Sender()
    export(receiver.url, sender.whole(requests=[1]))
    month = f"{datetime.fromtimestamp(sender.end // SECOND, UTC):%Y-%m}"
    sender.whole(requests=[7])
    export(receiver.url, sender.whole(requests=[2]))
    wait_for(receiver, "gaps", sender.end)
    eventually(lambda: month in [m["month"] for m in get(receiver.url + "/api/v1/costs/months").json["months"]])
    closed = run_cli("costs", "close", month, "--url", receiver.url)
    assert (closed.returncode, closed.stderr) == (0, "")
    assert f"{month} is " in closed.stdout
    assert "Known to be missing: 7 " in closed.stdout
    assert month in run_cli("costs", "months", "--url", receiver.url).stdout


def test_several_collections_thrown_away_are_one_gap_of_their_sum(receiver):
    sender = Sender()
    for amount in (10, 20, 30):
        sender.whole(requests=[amount])
    end = sender.end
    export(receiver.url, sender.whole(requests=[1]))
    (gap,) = wait_for(receiver, "gaps", sender.end)["gaps"]
    assert (gap["points"], gap["quantity"], gap["from"], gap["to"]) == (3, "60", rfc3339(sender.begun), rfc3339(end))


def test_a_short_collection_is_a_gap_of_what_it_lacks_until_the_rest_comes(receiver):
    sender = Sender()
    points, tally = sender.collect(requests=[1, 2, 4])
    metrics = points.resource_metrics[0].scope_metrics[0].metrics
    first, rest = export_request([]), export_request([])
    for request, chosen in ((first, metrics[:1]), (rest, metrics[1:])):
        request.resource_metrics[0].CopyFrom(points.resource_metrics[0])
        del request.resource_metrics[0].scope_metrics[0].metrics[:]
        request.resource_metrics[0].scope_metrics[0].metrics.extend(chosen)
    export(receiver.url, merged(first, tally))
    (gap,) = wait_for(receiver, "gaps", sender.end)["gaps"]
    assert (gap["points"], gap["quantity"]) == (2, "6")
    export(receiver.url, rest)
    wait_for(receiver, "complete", sender.end)


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 3, 0, 2)])
def test_split_late_out_of_order_and_repeated_collections_balance(receiver, order):
    sender = Sender()
    parts = [part for amount in (1, 2) for part in sender.collect(requests=[amount, 5])]
    for number in (*order, *order):
        assert export(receiver.url, parts[number]).rejected == 0
    wait_for(receiver, "complete", sender.end)
    assert totals(receiver.url) == {"requests": "13"}


def test_a_writer_that_announces_nothing_makes_it_unknown_for_what_it_wrote(receiver):
    sender = Sender()
    export(receiver.url, sender.whole(requests=[1]))
    other = export_request([{"name": "queries"}], resource={"service.name": "stock", "service.instance.id": "s"})
    export(receiver.url, other)
    found = eventually(lambda: (b := books(receiver))["until"] == rfc3339(sender.end) and b)
    assert found["state"] == "unknown"
    assert [silence["writer"]["service"] for silence in found["unannounced"]] == ["stock"]
    assert books(receiver, type="requests")["state"] == "complete"
    before = rfc3339(now_ns() - 7200 * SECOND)
    assert books(receiver, from_=before, to=rfc3339(now_ns() - 4000 * SECOND))["unannounced"] == []


def test_a_sender_that_falls_silent_makes_it_unknown_and_one_that_ended_does_not(start_receiver):
    receiver = start_receiver("--balance-seconds", "0.05", "--silent-seconds-min", "0.5")
    ended, silent = Sender("ended", interval=1), Sender("silent", interval=1, begun=now_ns() - 1800 * SECOND)
    export(receiver.url, ended.whole(requests=[1]))
    export(receiver.url, ended.whole(last=True, requests=[1]))
    export(receiver.url, silent.whole(requests=[1]))
    # On a busy machine the other one may seem silent, too, until its end is balanced.
    found = eventually(lambda: len((b := books(receiver))["silent"]) == 1 and b["until"] and b)
    assert (found["state"], found["until"]) == ("unknown", rfc3339(silent.end))
    assert [(s["writer"]["instance"], s["from"]) for s in found["silent"]] == [("silent", rfc3339(silent.end))]
    window = {"from_": rfc3339(ended.begun), "to": rfc3339(silent.begun)}
    assert (books(receiver, **window)["state"], books(receiver, **window)["until"]) == ("complete", window["to"])


def test_a_restart_under_the_same_instance_id_begins_a_sequence_of_its_own(receiver):
    first = Sender()
    export(receiver.url, first.whole(last=True, requests=[1]))
    second = Sender(begun=first.end)
    export(receiver.url, second.whole(requests=[2]))
    wait_for(receiver, "complete", second.end)


def test_json_says_the_same(receiver):
    sender = Sender()
    body = MessageToJson(sender.whole(requests=[3])).encode()
    assert post(receiver.url + "/v1/metrics", body, JSON).status == 200
    wait_for(receiver, "complete", sender.end)


@pytest.mark.parametrize(
    "tally", [{}, {"begun": 1}, [], "text", {"begun": 1, "start": 1, "interval": 1, "last": False,
              "entries": [["m", "1", "sum", 1, "NaN", 1, "1"]], "unattributed": []}],
)  # fmt: skip
def test_a_tally_that_cannot_be_read_is_refused_alone(receiver, tally):
    sender = Sender()
    points, _ = sender.collect(requests=[3])
    reply = export(receiver.url, merged(points, sender.announcement(1, sender.end, tally)))
    assert (reply.status, reply.rejected) == (200, 1)
    assert totals(receiver.url) == {"requests": "3"}
    (point,) = get(receiver.url + "/api/v1/quarantine").json["points"]
    assert point["reason"] == "invalid_tally"


def test_a_bound_key_sees_that_something_of_a_shared_writer_is_missing_but_not_what(receiver, database_url):
    def create(org, scope):
        done = run_cli("keys", "create", "--name", "test", "--org", org, "--scope", scope, "--json",
                       "--database-url", database_url)  # fmt: skip
        return json.loads(done.stdout)["key"]

    platform, acme = create("*", "ingest"), create("acme", "read")
    shared = Sender()
    shared.whole(requests=[7])
    eventually(lambda: get(receiver.url + "/api/usage").status == 401)  # the keys are known to it
    assert export(receiver.url, shared.whole(requests=[1]), platform).status == 200
    found = eventually(lambda: (b := books(receiver, acme))["gaps"] and b)
    span = {"from": rfc3339(shared.begun), "to": rfc3339(shared.begun + 10 * SECOND)}
    assert found["gaps"] == [{"type": "requests", "unit": "1", **span}]
    assert found["missing"] == [{"type": "requests", "unit": "1"}]


def test_deltas_that_a_fork_copied_are_counted_and_told_of(start_receiver):
    """What SDKs of Python do: the child's first point holds what the parent had not sent yet."""
    receiver = start_receiver("--audit-seconds", "0.2")
    start = now_ns() - 60 * SECOND + 123_456_789
    for instance, value in (("parent", 7), ("child-1", 8), ("child-2", 9)):
        points = [
            {"name": "calls", "value": value, "start": start, "end": start + 10 * SECOND + value},
            {"name": "own", "value": 5, "start": start, "end": start + 10 * SECOND + value,
             "attributes": {"org.id": "acme", "process": instance}},
        ]  # fmt: skip
        export(receiver.url, export_request(points, resource={"service.name": "a", "service.instance.id": instance}))

    def told():
        """An audit that came between two of them knows of one copy."""
        found = [(copied["type"], copied["points"], copied["quantity"]) for copied in books(receiver)["copied"]]
        assert found in ([], [("calls", 1, "7")], [("calls", 2, "14")])
        return found == [("calls", 2, "14")]

    eventually(told)
    assert totals(receiver.url)["calls"] == "24"


def test_collections_that_begin_at_the_same_tick_are_no_copies(start_receiver):
    receiver = start_receiver("--audit-seconds", "0.05")
    for instance in ("a", "b"):
        point = {"name": "calls", "start": now_ns() - 60 * SECOND, "end": now_ns() - 50 * SECOND}
        export(receiver.url, export_request([point], resource={"service.name": "a", "service.instance.id": instance}))
    before = get(receiver.url + "/healthz").json["audit"]["daysVerified"]
    eventually(lambda: get(receiver.url + "/healthz").json["audit"]["daysVerified"] > before + 1)
    assert books(receiver)["copied"] == []


def test_parameters_that_mean_nothing_here_are_refused(receiver):
    for query in ({"groupBy": "type"}, {"attr.region": "eu"}, {"from_": "yesterday"}):
        assert get(receiver.url + "/api/v1/completeness", **query).status == 400
