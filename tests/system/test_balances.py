"""Credits, black box: booked once, spent as usage costs, never hidden below zero."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from conftest import run_cli
from otlp import get, send
from pricing import PATIENT, attributes_of, card, costs, rate, use
from waiting import wait_until

PATH = "/api/v1/balances"
HOUR = timedelta(hours=1)


@pytest.fixture
def receiver(start_receiver):
    return start_receiver(*PATIENT, "--refill-seconds", "0.05")


def book(receiver, amount, *, key="", idempotency="k1", **more):
    body = {"orgId": "acme", "subjectType": "user", "subjectId": "u1", "amount": amount, "idempotencyKey": idempotency}
    return send("POST", f"{receiver.url}{PATH}/entries", body | more, key)


def balance(receiver, key="", **query):
    """The only balance."""
    reply = get(receiver.url + PATH, key, **query)
    assert reply.status == 200, reply.body
    [found] = reply.json["balances"]
    return found


def open_account(receiver, **more):
    body = {"orgId": "acme", "subjectType": "user", "subjectId": "u1", "openedAt": "2026-11-01T00:00:00Z", **more}
    reply = send("POST", receiver.url + PATH, body)
    assert reply.status in (200, 201), reply.body
    return reply


def test_a_grant_is_booked_once_however_often_it_is_sent(receiver):
    first, again = book(receiver, "10.50"), book(receiver, "10.5")
    assert (first.status, again.status, first.json) == (201, 200, again.json)
    assert balance(receiver)["balance"] == "10.5"
    assert book(receiver, "11").status == 409
    assert book(receiver, "10.5", kind="adjust").status == 409
    assert balance(receiver)["balance"] == "10.5"


def test_what_usage_costs_is_spent_in_credits_and_a_balance_may_be_a_debt(receiver):
    open_account(receiver, creditsPerUnit=1_000_000)
    card(receiver, "openai", "gpt-5", prices={"output": "10"})
    book(receiver, 3_000_000)
    use(receiver, {"output": 400_000}, attributes_of("openai", "gpt-5") | {"user.id": "u1"}, "2026-11-10T12:00:00")
    use(receiver, {"output": 900_000}, attributes_of("openai", "gpt-5") | {"user.id": "u2"}, "2026-11-10T12:00:00")
    use(receiver, {"output": 900_000}, attributes_of("openai", "gpt-5") | {"user.id": "u1"}, "2026-10-31T23:00:00")
    costs(receiver)
    found = balance(receiver)
    assert (found["cost"], found["spent"], found["balance"]) == ("4", "4000000", "-1000000")


def test_another_rate_shows_in_the_balance_exactly(receiver):
    open_account(receiver)
    first = card(receiver, "openai", "gpt-5", prices={"output": "10"})
    book(receiver, 5)
    use(receiver, {"output": 100_000}, attributes_of("openai", "gpt-5") | {"user.id": "u1"})
    costs(receiver)
    assert balance(receiver)["balance"] == "4"
    assert send("POST", f"{receiver.url}/api/v1/rates/{first[0]}/void").status == 200
    card(receiver, "openai", "gpt-5", prices={"output": "3"})
    costs(receiver)
    assert balance(receiver)["balance"] == "4.7"


def test_usage_without_a_price_is_said_and_not_taken_for_free(receiver):
    open_account(receiver)
    use(receiver, {"output": 5}, attributes_of("openai", "unheard-of") | {"user.id": "u1"})
    costs(receiver)
    assert (balance(receiver)["balance"], balance(receiver)["unpricedRows"]) == ("0", 1)


@pytest.mark.parametrize(("kind", "name"), [("org", "acme"), ("project", "web"), ("app.feature", "chat")])
def test_a_subject_is_an_organisation_a_project_or_any_dimension(receiver, kind, name):
    open_account(receiver, subjectType=kind, subjectId=name)
    rate(receiver, metricKey="bytes", unit="By", price="0.001", currency="USD")
    for project, feature, org in (("web", "chat", "acme"), ("b", "mail", "acme"), ("web", "chat", "other")):
        use(receiver, {"x": 1000}, {"org.id": org, "project.id": project, "app.feature": feature}, metric="bytes",
            unit="By", by="which")  # fmt: skip
    costs(receiver)
    assert balance(receiver, subjectType=kind)["balance"] == ("-2" if kind == "org" else "-1")


def test_refills_that_were_missed_are_booked_once_each_at_their_own_time(receiver):
    start = (datetime.now(UTC) - 50 * HOUR).replace(microsecond=0)
    body = {"orgId": "acme", "subjectType": "user", "subjectId": "u1", "amount": "2.5", "unit": "day"}
    made = send("POST", f"{receiver.url}{PATH}/refills", body | {"startsAt": start.isoformat()})
    assert made.status == 201, made.body
    wait_until(lambda: balance(receiver)["refilled"] == "7.5")
    entries = get(f"{receiver.url}{PATH}/entries", kind="refill").json["entries"]
    assert [entry["at"] for entry in entries] == [
        (start + n * timedelta(days=1)).isoformat().replace("+00:00", "Z") for n in (2, 1, 0)
    ]
    assert [entry["idempotencyKey"] for entry in entries] == [f"refill:{made.json['id']}:{n}" for n in (2, 1, 0)]
    receiver.kill()
    receiver.start()
    wait_until(lambda: get(receiver.url + "/readyz").status == 200)
    [schedule] = get(f"{receiver.url}{PATH}/refills").json["refills"]
    assert (schedule["booked"], balance(receiver)["refilled"]) == (3, "7.5")
    assert balance(receiver)["nextRefillAt"] == schedule["nextAt"]
    assert send("DELETE", f"{receiver.url}{PATH}/refills/{schedule['id']}").status == 204
    assert get(f"{receiver.url}{PATH}/refills").json["refills"][0]["nextAt"] is None
    assert send("DELETE", f"{receiver.url}{PATH}/refills/ref_none").status == 404


def test_two_receivers_book_a_key_and_a_refill_once(receiver, start_receiver):
    other = start_receiver(*PATIENT, "--refill-seconds", "0.05")
    replies = []
    threads = [
        threading.Thread(target=lambda at=at, n=n: replies.append(book(at, "1", idempotency=f"k{n}").status))
        for n in range(6) for at in (receiver, other)
    ]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(replies) == [200] * 6 + [201] * 6
    body = {"orgId": "acme", "subjectType": "user", "subjectId": "u1", "amount": 1, "unit": "hour",
            "startsAt": (datetime.now(UTC) - 20 * HOUR - timedelta(minutes=30)).isoformat()}  # fmt: skip
    send("POST", f"{receiver.url}{PATH}/refills", body)
    wait_until(lambda: balance(other)["refilled"] == "21")
    assert balance(receiver)["balance"] == "27"


def test_history_comes_in_pages_from_the_last(receiver):
    for n in range(5):
        book(receiver, n + 1, idempotency=f"k{n}", note=f"no. {n}")
    book(receiver, "-2", idempotency="back", kind="adjust")
    amounts, cursor = [], {}
    while True:
        page = get(f"{receiver.url}{PATH}/entries", orgId="acme", limit=2, **cursor).json
        amounts += [entry["amount"] for entry in page["entries"]]
        if page["nextCursor"] is None:
            break
        cursor = {"cursor": page["nextCursor"]}
    assert amounts == ["-2", "5", "4", "3", "2", "1"]
    found = balance(receiver)
    assert (found["granted"], found["adjusted"], found["balance"]) == ("15", "-2", "13")


def test_forty_digits_come_back_digit_for_digit(receiver):
    amount = "1234567890123456789012345678.123456789012"
    book(receiver, amount)
    book(receiver, "-0.000000000001", kind="adjust", idempotency="k2")
    assert Decimal(balance(receiver)["balance"]) == Decimal("1234567890123456789012345678.123456789011")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"amount": 0}, "amount must be a number above 0"),
        ({"amount": -1}, "amount must be a number above 0"),
        ({"amount": 0, "kind": "adjust"}, "amount must be a number above 0"),
        ({"amount": "Infinity"}, "amount must be"),
        ({"amount": 1, "kind": "refill"}, "kind must be grant or adjust"),
        ({"amount": 1, "idempotencyKey": "refill:a:1"}, "idempotencyKey must not begin"),
        ({"amount": 1, "idempotencyKey": None}, "idempotencyKey is missing"),
        ({"amount": 1, "subjectId": None}, "subjectId is missing"),
        ({"amount": 1, "subjectType": "day"}, "subjectType must be"),
        ({"amount": 1, "at": "soon"}, "at must be like"),
        ({"amount": 1, "colour": "red"}, "there is no field 'colour'"),
    ],
)
def test_what_cannot_be_booked_is_refused_with_a_sentence(receiver, body, words):
    base = {"orgId": "acme", "subjectType": "user", "subjectId": "u1", "idempotencyKey": "k"}
    reply = send("POST", f"{receiver.url}{PATH}/entries", base | body)
    assert (reply.status, words in reply.json["detail"]) == (400, True), reply.body
    assert get(receiver.url + PATH).json["balances"] == []


def test_an_account_is_opened_once_and_not_changed_afterwards(receiver):
    assert open_account(receiver, creditsPerUnit=100).status == 201
    assert open_account(receiver, creditsPerUnit=100).status == 200
    body = {"orgId": "acme", "subjectType": "user", "subjectId": "u1"}
    assert send("POST", receiver.url + PATH, body | {"creditsPerUnit": 7}).status == 409
    assert send("POST", receiver.url + PATH, body | {"openedAt": "2026-11-01T00:30:00Z"}).status == 400
    book(receiver, 5)
    assert balance(receiver)["creditsPerUnit"] == "100"


def test_a_key_reads_and_books_its_own_organisation_only(receiver, database_url):
    book(receiver, 5)
    book(receiver, 7, orgId="other")
    made = run_cli(
        "keys", "create", "--name", "k", "--scope", "admin", "--org", "acme", "--json", DATABASE_URL=database_url
    )
    key = json.loads(made.stdout)["key"]
    wait_until(lambda: get(receiver.url + PATH).status == 401)
    assert balance(receiver, key)["granted"] == "5"
    assert [entry["orgId"] for entry in get(f"{receiver.url}{PATH}/entries", key).json["entries"]] == ["acme"]
    assert get(receiver.url + PATH, key, orgId="other").status == 403
    assert book(receiver, 9, key=key, orgId="other", idempotency="k9").status == 403
    assert book(receiver, 9, key=key, idempotency="k9").status == 201


def test_the_commands_grant_show_and_list(receiver):
    environment = {"TALLYSTICK_URL": receiver.url}
    subject = ("--org", "acme", "--subject", "user=u1")
    done = run_cli("balances", "open", *subject, "--credits-per-unit", "1000000", **environment)
    assert done.returncode == 0, done.stderr
    for _ in range(2):
        done = run_cli("balances", "grant", *subject, "20000000", "--id", "start", **environment)
        assert (done.returncode, "start" in done.stdout) == (0, True), done.stderr
    assert run_cli("balances", "adjust", *subject, "-5", "--json", **environment).returncode == 0
    done = run_cli(
        "balances", "refills", "create", *subject, "100", "--unit", "month", "--from", "2040-01-01", **environment
    )
    assert done.returncode == 0, done.stderr
    shown = json.loads(run_cli("balances", "show", "--org", "acme", "--json", **environment).stdout)
    assert [row["balance"] for row in shown] == ["19999995"]
    assert "refills" not in run_cli("balances", "entries", "--org", "acme", **environment).stdout
    listed = json.loads(run_cli("balances", "refills", "list", "--json", **environment).stdout)
    assert run_cli("balances", "refills", "end", listed[0]["id"], **environment).returncode == 0
    assert run_cli("balances", "grant", "--org", "acme", "--subject", "u1", "5", **environment).returncode == 2
