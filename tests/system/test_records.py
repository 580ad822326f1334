"""POST /api/v1/usage/records, black box: what is answered, and what is counted."""

import gzip
import json
import random
import threading
from datetime import UTC, datetime

import pytest
from conftest import run_cli
from otlp import JSON, SECOND, Reply, export, export_request, get, now_ns, post, totals, usage
from sender import Sender

EVENT, EVENTS = "application/cloudevents+json", "application/cloudevents-batch+json"
PATH = "/api/v1/usage/records"


def rfc3339(time_ns):
    seconds, rest = divmod(time_ns, SECOND)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def record(**members):
    return {"metricKey": "calls", "subjectType": "org", "subjectId": "acme", "quantity": 1} | members


def send(url, content, key="", *, content_type=JSON, query="", **headers) -> Reply:
    """POST what is not bytes yet as JSON."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    if key:
        headers["Authorization"] = f"Bearer {key}"
    return post(url + PATH + query, body, content_type, **headers)


def statuses(reply):
    return [result["status"] for result in reply.json["results"]]


@pytest.fixture
def new_key(database_url):
    def create(*scopes, org="*"):
        arguments = [part for scope in scopes for part in ("--scope", scope)]
        named = ("--name", "test", "--org", org, "--json", "--database-url", database_url)
        done = run_cli("keys", "create", *named, *arguments)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["key"]

    return create


def test_one_record_is_created_found_again_and_contradicted(start_receiver):
    url = start_receiver().url
    first = send(url, record(id="a", quantity=5))
    assert (first.status, first.json) == (201, {"index": 0, "id": "a", "status": "accepted"})
    again = send(url, record(id="a", quantity="5.0"))
    assert (again.status, again.json) == (200, {"index": 0, "id": "a", "status": "duplicate"})
    other = send(url, record(id="a", quantity=6))
    assert (other.status, other.json["reason"], other.json["id"]) == (409, "conflict", "a")
    assert other.headers["Content-Type"] == "application/problem+json"
    assert totals(url, orgId="acme") == {"calls": "5"}


@pytest.mark.editions
def test_each_record_of_a_batch_has_its_own_result(start_receiver):
    url = start_receiver().url
    assert send(url, record(id="a")).status == 201
    batch = [record(id="a"), record(id="b", quantity="2.5"), record(id="c", quantity=-1), 7, record(id="b", quantity=9),
             record(id="d", metadata={"orgId": "globex"}), record(), record()]  # fmt: skip
    reply = send(url, {"records": batch})
    assert reply.status == 200
    assert (reply.json["accepted"], reply.json["duplicates"], reply.json["rejected"]) == (3, 1, 4)
    found = reply.json["results"]
    assert [result["index"] for result in found] == list(range(8))
    assert [(r["status"], r.get("reason")) for r in found] == [
        ("duplicate", None), ("accepted", None), ("rejected", "negative"), ("rejected", "malformed"),
        ("rejected", "conflict"), ("rejected", "duplicate_attribute"), ("accepted", None), ("accepted", None),
    ]  # fmt: skip
    assert all(result["detail"] for result in found if result["status"] == "rejected")
    assert totals(url, orgId="acme") == {"calls": "5.5"}
    ids = [result["id"] for result in found[6:]]
    assert statuses(send(url, [record(id=name) for name in ids])) == ["duplicate"] * 2
    assert get(url + "/api/v1/quarantine").json["points"] == []


def test_a_batch_of_which_nothing_is_taken_is_an_error_and_an_empty_one_is_not(start_receiver):
    url = start_receiver().url
    reply = send(url, [record(quantity=-1), record(subjectId="")])
    assert (reply.status, reply.json["rejected"], statuses(reply)) == (422, 2, ["rejected"] * 2)
    assert send(url, []).json == {"accepted": 0, "duplicates": 0, "rejected": 0, "results": []}


def test_decimals_come_back_digit_for_digit_in_the_quarter_of_their_time(start_receiver):
    url = start_receiver().url
    hour = now_ns() // (3600 * SECOND) * 3600 * SECOND
    body = "[{}, {}]".format(
        json.dumps(record(unit="USD", timestamp=rfc3339(hour))).replace(": 1", ": 0.1000000000000000055"),
        json.dumps(record(unit="USD", timestamp=rfc3339(hour - 1), quantity="9223372036854775807")),
    )
    assert statuses(send(url, body.encode())) == ["accepted"] * 2
    hours = [
        (row["quantity"], row["unit"])
        for start in (hour - 3600 * SECOND, hour)
        for row in usage(url, orgId="acme", from_=rfc3339(start), to=rfc3339(start + 3600 * SECOND))["rows"]
    ]
    assert hours == [("9223372036854775807", "USD"), ("0.1000000000000000055", "USD")]


def test_subjects_are_organisations_projects_users_and_dimensions(start_receiver):
    url = start_receiver().url
    batch = [
        record(metadata={"region": "eu"}),
        record(subjectType="project", subjectId="web", metadata={"orgId": "acme"}, quantity=2),
        record(subjectType="user", subjectId="ada", metadata={"org.id": "acme", "projectId": "web"}, quantity=4),
        record(subjectType="region", subjectId="us", metadata={"orgId": "acme", "tier": 3, "beta": True}, quantity=8),
    ]
    assert statuses(send(url, batch)) == ["accepted"] * 4
    assert totals(url, orgId="acme", projectId="web") == {"calls": "6"}
    assert totals(url, orgId="acme", **{"attr.user.id": "ada"}) == {"calls": "4"}
    rows = usage(url, orgId="acme", groupBy="region")["rows"]
    assert {row["region"]: row["quantity"] for row in rows} == {"eu": "1", "us": "8", None: "6"}
    assert totals(url, orgId="acme", **{"attr.tier": "3"}) == {"calls": "8"}


def test_records_and_points_of_one_metric_add_up(start_receiver):
    url = start_receiver().url
    point = {"name": "calls", "unit": "", "value": 10, "attributes": {"org.id": "acme"}}
    assert export(url, export_request([point])).rejected == 0
    assert send(url, record()).status == 201
    assert totals(url, orgId="acme") == {"calls": "11"}


@pytest.mark.editions
def test_any_order_split_and_repetition_through_two_receivers_counts_once(start_receiver, database_url):
    receivers = [start_receiver(), start_receiver()]
    chance, now = random.Random(5), now_ns()
    known = [
        record(id=f"r{n}", quantity=n, subjectId=f"o{n % 3}")
        | ({} if n % 4 else {"timestamp": rfc3339(now - n % 5 * SECOND)})
        for n in range(60)
    ]
    requests = []
    for _ in range(6):
        shuffled = chance.sample(known, len(known))
        while shuffled:
            size = chance.randint(1, 25)
            requests.append(shuffled[:size])
            shuffled = shuffled[size:]
    chance.shuffle(requests)
    found = []

    def work(number):
        found.extend(send(receivers[number % 2].url, request) for request in requests[number::4])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {reply.status for reply in found} == {200}
    results = [status for reply in found for status in statuses(reply)]
    assert (results.count("accepted"), results.count("duplicate")) == (60, 300)
    assert totals(receivers[0].url) == totals(receivers[1].url) == {"calls": str(sum(range(60)))}
    assert run_cli("verify", "--database-url", database_url).returncode == 0


def test_a_resend_after_kill_nine_is_a_duplicate(start_receiver):
    receiver = start_receiver()
    undated, dated = record(id="a", quantity=3), record(id="b", quantity=4, timestamp=rfc3339(now_ns()))
    assert statuses(send(receiver.url, [undated, dated])) == ["accepted"] * 2
    receiver.kill()
    receiver.start()
    assert totals(receiver.url) == {"calls": "7"}
    assert send(receiver.url, undated).json["status"] == "duplicate"
    assert statuses(send(receiver.url, [dated, undated])) == ["duplicate"] * 2
    assert totals(receiver.url) == {"calls": "7"}


def test_a_key_of_one_organisation_fills_it_in_and_refuses_others(new_key, start_receiver):
    acme, globex, everything = (
        new_key("ingest", org="acme"), new_key("ingest", org="globex"), new_key("ingest", "read"),
    )  # fmt: skip
    reader = new_key("read")
    url = start_receiver().url
    nobody = {"metricKey": "calls", "quantity": 2, "id": "a"}
    assert send(url, nobody, acme).status == 201
    assert send(url, nobody, globex).status == 201, "one organisation's ids are not another's"
    foreign = send(url, record(subjectId="globex"), acme)
    assert (foreign.status, foreign.json["reason"]) == (403, "foreign_org")
    missing = send(url, nobody, everything)
    assert (missing.status, missing.json["reason"]) == (422, "missing_org")
    assert send(url, record(quantity=5), everything).status == 201
    assert send(url, record(), reader).status == 403
    refused = send(url, record())
    assert (refused.status, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert totals(url, key=everything, orgId="acme") == {"calls": "7"}
    assert totals(url, key=everything, orgId="globex") == {"calls": "2"}


def event(**members):
    return {"specversion": "1.0", "id": "1", "source": "service-0", "type": "request", "subject": "acme"} | members


def test_cloud_events_single_and_in_a_batch_are_records(start_receiver):
    url = start_receiver().url
    one = event(time=rfc3339(now_ns()), data={"method": "GET", "route": "/hello"})
    assert send(url, one, content_type=EVENT).status == 201
    batch = [one, event(id="2", data={"value": 2.5, "method": "POST"}), event(source="service-1", data=None)]
    assert statuses(send(url, batch, content_type=EVENTS)) == ["duplicate", "accepted", "accepted"]
    assert statuses(send(url, batch)) == ["duplicate"] * 3
    rows = usage(url, orgId="acme", groupBy="type,method")["rows"]
    assert {row["method"]: row["quantity"] for row in rows} == {"GET": "1", "POST": "2.5", None: "1"}


def test_the_url_maps_what_an_openmeter_client_sends(start_receiver, new_key):
    key = new_key("ingest", "read", org="acme")
    url = start_receiver().url
    prompt = event(type="prompt", subject="ada", data={"tokens": "123456", "model": "gpt4"})
    query = "?subjectType=user&quantityKey=tokens"
    assert send(url, prompt, key, content_type=EVENT, query=query).status == 201
    assert totals(url, key=key, **{"attr.user.id": "ada", "attr.model": "gpt4"}) == {"prompt": "123456"}
    without = send(url, event(id="2"), key, content_type=EVENT, query=query)
    assert (without.status, without.json["reason"]) == (422, "value_missing")
    assert send(url, prompt, key, content_type=EVENT, query="?subject=user").status == 400


def test_bad_bodies_are_answered_with_a_problem_and_never_with_5xx(start_receiver):
    url = start_receiver("--records-per-request-max", "3", "--body-bytes-max", "10000").url
    one = json.dumps(record()).encode()
    assert send(url, gzip.compress(one), Content_Encoding="gzip").status == 201
    found = [
        (send(url, b"{"), 400), (send(url, b""), 400), (send(url, b"NaN"), 400), (send(url, b"\xff\xfe"), 400),
        (send(url, b"[" * 9_000), 400), (send(url, "text"), 400), (send(url, {"records": {}}), 400),
        (send(url, one, content_type=EVENTS), 400), (send(url, [], content_type=EVENT), 400),
        (send(url, [record()] * 4), 413), (send(url, b" " * 10_001), 413),
        (send(url, one, content_type="text/plain"), 415), (send(url, one, Content_Encoding="br"), 415),
        (send(url, one, Content_Encoding="gzip"), 400), (get(url + PATH), 405),
        (send(url, b'{"metricKey": "a", "quantity": 1e999999999999}'), 422), (send(url, {}), 422),
        (send(url, b'{"metricKey": "a", "quantity": ' + b"1" * 9_000 + b"}"), 422),
        (send(url, record(id="\ud800")), 422), (send(url, record(metadata={"a": "\0"})), 422),
        (send(url, record(timestamp="0001-01-01T00:00:00+23:59")), 422),
    ]  # fmt: skip
    assert [reply.status for reply, _ in found] == [status for _, status in found]
    assert {reply.headers["Content-Type"] for reply, _ in found} == {"application/problem+json"}
    assert all(reply.json["status"] == status and reply.json["detail"] for reply, status in found)
    assert totals(url) == {"calls": "1"}


def test_records_make_nothing_unknown_that_is_announced(start_receiver):
    receiver = start_receiver("--balance-seconds", "0.05", "--silent-seconds-min", "86400")
    sender = Sender()
    assert export(receiver.url, sender.whole(requests=[1, 10])).rejected == 0
    assert send(receiver.url, record()).status == 201
    found = get(receiver.url + "/api/v1/completeness", orgId="acme").json
    assert (found["unannounced"], found["writers"]["unannounced"]) == ([], 0)


def test_the_command_line_records(start_receiver):
    receiver = start_receiver()
    at = rfc3339(now_ns())
    arguments = ("record", "calls", "2.5", "--url", receiver.url, "--org", "acme", "--project", "web", "--attr",
                 "region=eu", "--id", "a", "--at", at, "--unit", "{call}")  # fmt: skip
    assert run_cli(*arguments).stdout == "accepted a\n"
    again = run_cli(*arguments, "--json")
    assert json.loads(again.stdout)["status"] == "duplicate"
    contradicted = run_cli(*arguments[:2], "3", *arguments[3:])
    assert (contradicted.returncode, "another record" in contradicted.stderr) == (1, True)
    assert run_cli("record", "calls", "1", "--url", receiver.url, "--attr", "eu").returncode == 2
    [row] = usage(receiver.url, orgId="acme", projectId="web", groupBy="type,region")["rows"]
    assert (row["quantity"], row["unit"], row["region"]) == ("2.5", "{call}", "eu")


def test_every_example_of_openapi_is_answered_as_described(start_receiver):
    url = start_receiver().url
    described = get(url + "/openapi.json").json["paths"][PATH]["post"]
    for content_type, form in described["requestBody"]["content"].items():
        for example in form["examples"].values():
            text = json.dumps(example["value"]).replace("2026-11-01T12:00:00", rfc3339(now_ns())[:19])
            reply = send(url, text.encode(), content_type=content_type)
            assert str(reply.status) in described["responses"]
            assert reply.status in (200, 201), reply.body
