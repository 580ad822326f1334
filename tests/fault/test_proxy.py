"""Every fault of the proxy, one by one: a sender that tries until it is acknowledged is counted once."""

import contextlib
import urllib.error

import pytest
from fault.proxy import Fault, HttpProxy
from otlp import SECOND, export, export_request, get, now_ns, totals

COLLECTIONS = 5
FIRST = now_ns()


@pytest.fixture
def proxy(receiver):
    proxy = HttpProxy(receiver.port, seed=7)
    yield proxy
    proxy.close()


def send(proxy, number, name="load"):
    """As an SDK: until it is acknowledged."""
    request = export_request([{"name": name, "value": 3, "end": FIRST - SECOND * number}])
    for _ in range(100):
        with contextlib.suppress(OSError, urllib.error.URLError):
            reply = export(proxy.url, request)
            assert reply.status == 200
            return
    raise AssertionError("never acknowledged")


def test_a_request_that_suffers_anything_is_counted_once(receiver, proxy):
    for fault in Fault:
        proxy.weather = {fault: 1, Fault.NONE: 1}
        for number in range(COLLECTIONS):
            send(proxy, number, fault.name)
        proxy.deliver_held()
        assert proxy.suffered[fault] > 0

    assert totals(receiver.url) == {fault.name.lower(): str(3 * COLLECTIONS) for fault in Fault}


def test_what_arrives_twice_is_seen_as_a_duplicate(receiver, proxy):
    for fault in (Fault.CUT_ANSWER, Fault.REPEAT):
        proxy.weather = {fault: 1, Fault.NONE: 1}
        for number in range(COLLECTIONS):
            send(proxy, number, fault.name)
        proxy.deliver_held()

    twice = proxy.suffered[Fault.CUT_ANSWER] + proxy.suffered[Fault.REPEAT]
    assert get(receiver.url + "/healthz").json["counts"]["points.duplicate"] == twice > 0


def test_what_is_swallowed_is_missing_until_it_is_delivered(receiver, proxy):
    send(proxy, 1)
    proxy.swallow_next()
    send(proxy, 2)
    send(proxy, 3)
    assert totals(receiver.url) == {"load": "6"}
    assert len(proxy.swallowed) == 1

    proxy.deliver_swallowed()
    assert totals(receiver.url) == {"load": "9"}
    assert proxy.swallowed == []


def test_the_same_seed_makes_the_same_weather(receiver):
    def first(seed):
        proxy = HttpProxy(receiver.port, seed, dict.fromkeys(Fault, 1))
        try:
            return [proxy._next_fault() for _ in range(50)]
        finally:
            proxy.close()

    assert first(1) == first(1) != first(2)
