"""The real Collector, built from otel-config/builder.yaml, with otel-config/agent.yaml and gateway.yaml as they are."""

import pytest
from collectors import BUILD_SECONDS
from otlp import SECOND, export, export_request, get, now_ns, totals
from waiting import wait_until


def requests_of(count, points=20):
    """Collections of one writer, one after the other."""
    first = now_ns() - 3600 * SECOND
    for number in range(count):
        yield export_request([
            {"name": "calls", "value": 1 + n, "end": first + number * SECOND,
             "attributes": {"org.id": f"org-{n % 3}", "n": n}} for n in range(points)
        ])  # fmt: skip


def sum_of(count, points=20):
    return {"calls": str(count * sum(range(1, points + 1)))}


@pytest.mark.timeout(BUILD_SECONDS + 60)
def test_usage_through_agent_and_gateway_arrives_exactly_and_keeps_its_identity(receiver, collector):
    agent = collector("agent", collector("gateway", receiver.url).url)
    sent = list(requests_of(50))
    for request in sent:
        assert export(agent.url, request).status == 200
    wait_until(lambda: totals(receiver.url) == sum_of(50))
    for request in sent:
        assert export(receiver.url, request).rejected == 0
    assert totals(receiver.url) == sum_of(50)
    # The Collector may have repeated some, too, where the machine was busy.
    assert get(receiver.url + "/healthz").json["counts"]["points.duplicate"] >= 1000


@pytest.mark.timeout(BUILD_SECONDS + 60)
def test_a_collector_killed_while_the_receiver_is_away_loses_nothing(receiver, collector):
    agent = collector("agent", receiver.url)
    sent = list(requests_of(60))
    for request in sent[:20]:
        assert export(agent.url, request).status == 200
    receiver.kill()
    for request in sent[20:40]:
        assert export(agent.url, request).status == 200
    agent.kill()
    agent.start()
    for request in sent[40:]:
        assert export(agent.url, request).status == 200
    receiver.start()
    wait_until(lambda: totals(receiver.url) == sum_of(60))


@pytest.mark.timeout(BUILD_SECONDS + 60)
def test_a_gateway_and_an_agent_killed_in_turn_lose_nothing(receiver, collector):
    gateway = collector("gateway", receiver.url)
    agent = collector("agent", gateway.url)
    sent = list(requests_of(40))
    for number, request in enumerate(sent):
        if number in (10, 25):
            gateway.kill()
        if number in (15, 30):
            agent.kill()
            agent.start()
            gateway.start()
        assert export(agent.url, request).status == 200
    wait_until(lambda: totals(receiver.url) == sum_of(40))


@pytest.mark.timeout(BUILD_SECONDS + 60)
def test_refused_points_do_not_hold_up_what_follows(receiver, collector):
    agent = collector("agent", receiver.url)
    bad = export_request([{"name": "calls", "value": -1}, {"name": "calls", "value": 5}])
    assert export(agent.url, bad).status == 200
    for request in requests_of(5):
        assert export(agent.url, request).status == 200
    expected = str(5 + 5 * sum(range(1, 21)))
    wait_until(lambda: totals(receiver.url) == {"calls": expected})
    [point] = get(receiver.url + "/api/v1/quarantine").json["points"]
    assert point["reason"] == "negative"
