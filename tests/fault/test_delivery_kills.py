"""A receiver that is killed at every step of a delivery: each event arrives, under one id, and the books say so."""

import asyncio
from contextlib import contextmanager

import asyncpg
import pytest
from endpoints import Answer, Endpoint
from otlp import SECOND, export, export_request, get, now_ns, send
from waiting import wait_until

PATIENT = ("--deliver-private-addresses", "true", "--evaluate-seconds", "0.1", "--deliver-attempt-seconds-max", "3600")
SERVE = (*PATIENT[:-1], "2")  # what is cut off is due again after seven seconds
TYPES = ["threshold.approaching", "threshold.exceeded"]
TYPES_OF_LEVELS = {50: TYPES[0], 80: TYPES[0], 100: TYPES[1]}
BLOCKED = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@pytest.fixture
def endpoint():
    found = Endpoint()
    yield found
    found.stop()


def prepare(receiver, endpoint):
    made = send("POST", receiver.url + "/api/v1/webhooks", {"url": endpoint.url, "types": TYPES})
    body = {"metricKey": "api_calls", "subjectId": "acme", "threshold": 100, "levels": [50, 80, 100]}
    assert (made.status, send("POST", receiver.url + "/api/v1/thresholds", body).status) == (201, 201)
    return made.json["secret"]


def cross(receiver):
    """50, 80 and 100 percent in one commit."""
    point = {"name": "api_calls", "unit": "", "value": 100, "end": now_ns() - 30 * SECOND,
             "attributes": {"org.id": "acme"}}  # fmt: skip
    assert export(receiver.url, export_request([point])).status == 200


def deliveries(receiver, **query):
    """None while its database is away."""
    return get(receiver.url + "/api/v1/deliveries", **query).json.get("deliveries", [])


def balanced(receiver, endpoint, secret):
    """Three events, once each: valid signatures, equal bodies in every repetition, and all of them noted."""
    wait_until(lambda: len(deliveries(receiver, state="delivered")) == 3, 90, "three deliveries")
    assert len(deliveries(receiver)) == 3
    found = endpoint.verified(secret)
    assert {event["data"]["level"]: event["type"] for event in found.values()} == TYPES_OF_LEVELS
    events = get(receiver.url + "/api/v1/events", type=",".join(TYPES)).json["events"]
    assert sorted(found) == sorted(event["id"] for event in events)
    assert len(found) == 3
    return found


def test_killed_before_anything_is_sent(start_receiver, endpoint):
    receiver = start_receiver(*PATIENT, "--deliver-seconds", "3600")
    secret = prepare(receiver, endpoint)
    cross(receiver)
    wait_until(lambda: len(deliveries(receiver, state="waiting")) == 3)
    receiver.kill()
    assert endpoint.received == []
    receiver.start()
    balanced(receiver, endpoint, secret)
    assert len(endpoint.received) == 3


def test_killed_between_the_commit_of_usage_and_that_of_its_events(start_receiver, endpoint):
    receiver = start_receiver(*PATIENT, "--evaluate-seconds", "3600")
    secret = prepare(receiver, endpoint)
    cross(receiver)
    receiver.kill()
    successor = start_receiver(*PATIENT)
    balanced(successor, endpoint, secret)
    assert len(endpoint.received) == 3


def test_killed_while_the_endpoint_holds_the_request(start_receiver, endpoint):
    receiver = start_receiver(*SERVE)
    secret = prepare(receiver, endpoint)
    endpoint.released.clear()
    cross(receiver)
    wait_until(lambda: len(endpoint.ids) == 3)
    receiver.kill()
    receiver.start()
    assert {d["state"] for d in deliveries(receiver)} == {"waiting"}
    endpoint.released.set()
    balanced(receiver, endpoint, secret)
    assert min(d["attempts"] for d in deliveries(receiver)) >= 2


@contextmanager
def locked(database_url):
    """Nobody notes a delivery meanwhile; on leaving, those who tried are sent away before the lock goes."""
    with asyncio.Runner() as runner:
        connection = runner.run(asyncpg.connect(database_url))
        transaction = connection.transaction()
        runner.run(transaction.start())
        runner.run(connection.execute("SELECT number FROM delivery FOR UPDATE"))
        yield lambda: runner.run(connection.fetch(BLOCKED))
        for row in runner.run(connection.fetch(BLOCKED)):
            runner.run(connection.execute("SELECT pg_terminate_backend($1)", row["pid"]))
        wait_until(lambda: not runner.run(connection.fetch(BLOCKED)))
        runner.run(transaction.rollback())
        runner.run(connection.close())


def test_killed_after_the_answer_and_before_it_is_noted(start_receiver, endpoint, database_url):
    receiver = start_receiver(*SERVE)
    secret = prepare(receiver, endpoint)
    endpoint.released.clear()
    cross(receiver)
    wait_until(lambda: len(endpoint.ids) == 3)
    with locked(database_url) as blocked:
        endpoint.released.set()
        wait_until(blocked, 60, "noting")
        receiver.kill()
    receiver.start()
    balanced(receiver, endpoint, secret)
    assert len(endpoint.received) > 3


def test_killed_again_and_again_while_endpoints_fail(start_receiver, endpoint):
    receiver = start_receiver(*SERVE, "--deliver-seconds", "0.05", "--deliver-retry-seconds", "0.05")
    secret = prepare(receiver, endpoint)
    endpoint.answer = lambda _: Answer(500)
    cross(receiver)
    for _ in range(3):
        seen = len(endpoint.received)
        wait_until(lambda seen=seen: len(endpoint.received) > seen)
        receiver.kill()
        receiver.start()
    endpoint.answer = lambda _: Answer()
    balanced(receiver, endpoint, secret)


def test_a_leader_that_loses_its_database_repeats_nothing_that_it_can_note_later(
    start_receiver, endpoint, database_url
):
    receiver = start_receiver(*PATIENT)
    secret = prepare(receiver, endpoint)
    endpoint.released.clear()
    cross(receiver)
    wait_until(lambda: len(endpoint.ids) == 3)

    async def cut():
        connection = await asyncpg.connect(database_url)
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> $1"
        await connection.execute(cut, connection.get_server_pid())
        await connection.close()

    asyncio.run(cut())
    endpoint.released.set()
    balanced(receiver, endpoint, secret)
    assert len(endpoint.received) == 3
