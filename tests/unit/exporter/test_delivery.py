"""What is collected arrives, whatever the receiver answers: over a real connection to a small peer."""

import sys
from importlib.metadata import EntryPoint
from itertools import count
from threading import Event, Thread
from time import time_ns

import pytest
import requests
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

from tallystick_exporter import UsageExporter, UsageReader
from tallystick_exporter.clock import HOUR_NS
from tallystick_exporter.wire import ENDPOINT_DEFAULT, Destination, Wire


def add(application, count, value=1):
    for number in range(count):
        application.counter.add(value, {"org.id": f"org-{number}"})


def test_what_was_refused_for_now_is_sent_again_first_and_with_its_times(peer, application):
    app = application()
    peer.statuses = [401, 403]
    app.counter.add(1)
    assert not app.reader.force_flush()
    app.counter.add(2)
    assert not app.reader.force_flush()
    app.counter.add(4)
    assert app.reader.force_flush()

    first, again, third = (peer.requests.get_nowait() for _ in range(3))
    assert first == again == third
    assert [sent.value for sent in peer.taken] == [1, 2, 4]
    assert [sent.start for sent in peer.taken[1:]] == [sent.end for sent in peer.taken[:-1]]


def test_one_point_that_cannot_be_encoded_spoils_nothing(peer, application, caplog):
    app = application()
    add(app, 10)
    app.counter.add(2**63, {"org.id": "huge"})

    assert app.reader.force_flush()
    assert peer.total("plain") == 10
    assert app.exporter.points_refused == 1
    assert "1 points of usage will never be accepted" in caplog.text


def test_what_was_refused_for_good_does_not_hold_up_what_follows(peer, application):
    app = application()
    peer.statuses = [400]
    add(app, 3)
    assert app.reader.force_flush()
    app.counter.add(5)
    assert app.reader.force_flush()

    assert [sent.value for sent in peer.taken] == [5]
    assert app.exporter.points_refused == 3


def test_a_request_that_is_too_large_is_halved(peer, application):
    app = application()
    peer.points_max = 3
    add(app, 20)

    assert app.reader.force_flush()
    assert peer.total("plain") == 20
    assert app.exporter.points_refused == 0


def test_a_collection_is_split_into_requests_of_bounded_size(peer, application):
    app = application(points_a_request_max=4)
    add(app, 10)

    assert app.reader.force_flush()
    assert [len(request) for request in peer.requests.queue] == [4, 4, 2]
    assert len({(sent.start, sent.end) for sent in peer.taken}) == 1


def test_a_full_backlog_drops_the_oldest_counts_it_and_says_so(peer, application, caplog):
    app = application(backlog_points_max=5, spool_dir="off")
    peer.statuses = [403] * 3
    for value in (1, 2, 4):
        app.counter.add(value)
        assert not app.reader.force_flush()

    assert app.reader.force_flush()
    assert [sent.value for sent in peer.taken] == [2, 4]
    assert app.exporter.points_dropped == app.reader.points_dropped == 1
    assert "1 points of usage are lost" in caplog.text


def test_a_session_of_a_credential_provider_carries_usage_and_its_refusals_are_known(peer, application, monkeypatch):
    class Provided(requests.Session):
        def __init__(self):
            super().__init__()
            self.headers["authorization"] = "Bearer provided"

    monkeypatch.setenv("OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER", "provided")
    monkeypatch.setattr(sys.modules[__name__], "Provided", Provided, raising=False)
    found = EntryPoint("provided", f"{__name__}:Provided", "opentelemetry_otlp_credential_provider")
    monkeypatch.setattr("tallystick_exporter.wire.entry_points", lambda **_: [found])
    app = application()
    peer.statuses = [400]
    add(app, 3)
    assert app.reader.force_flush()
    app.counter.add(5)
    assert app.reader.force_flush()

    assert [sent.value for sent in peer.taken] == [5]
    assert app.exporter.points_refused == 3


def test_collecting_does_not_wait_for_the_network(peer, application):
    app = application()
    peer.may_answer.clear()
    app.counter.add(1)
    flush = Thread(target=app.reader.force_flush)
    flush.start()
    peer.requests.get(timeout=30)
    app.counter.add(2)
    app.reader.collect()
    app.counter.add(4)
    app.reader.collect()

    assert app.exporter.waiting == 3
    peer.may_answer.set()
    flush.join()
    assert app.reader.force_flush()
    assert [sent.value for sent in peer.taken] == [1, 2, 4]


def test_a_flush_gives_up_in_time_when_the_receiver_hangs(peer, application):
    app = application()
    peer.may_answer.clear()
    app.counter.add(1)

    assert not app.reader.force_flush(timeout_millis=50)
    peer.may_answer.set()
    assert app.reader.force_flush()
    assert peer.total("plain") == 1


def test_shutdown_needs_no_new_thread(peer, application, monkeypatch):
    """CPython 3.12 has none to give when the interpreter exits."""
    app = application()
    app.counter.add(1)
    # The peer answers on this connection, whose thread it has, from now on.
    assert app.reader.force_flush()
    app.counter.add(2)

    def start(_thread):
        raise RuntimeError("can't create new thread at interpreter shutdown")

    with monkeypatch.context() as patched:
        patched.setattr(Thread, "start", start)
        app.provider.shutdown()

    assert peer.total("plain") == 3


def test_an_unforeseen_failure_is_logged_once_and_the_thread_lives_on(peer, application, monkeypatch, caplog):
    app = application()
    app.counter.add(1)
    with monkeypatch.context() as patched:
        patched.setattr(app.exporter._wire, "send", lambda _body: 1 // 0)
        assert not app.reader.force_flush()
        assert not app.reader.force_flush()

    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [ZeroDivisionError]
    assert app.reader.force_flush()
    assert peer.total("plain") == 1


def test_a_collection_that_fails_is_not_raised_and_its_usage_comes_with_the_next(peer, application):
    app = application()
    app.provider.get_meter("app").create_observable_gauge("level", [lambda _options: ()])
    app.counter.add(1)

    assert not app.reader.force_flush(timeout_millis=0)
    assert app.reader.force_flush()
    assert peer.total("plain") == 1


def test_under_opentelemetrys_own_reader_the_exporter_keeps_what_failed(peer):
    exporter = UsageExporter(peer.url)
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
    provider = MeterProvider([reader], shutdown_on_exit=False)
    counter = provider.get_meter("app").create_counter("plain")
    peer.statuses = [403]
    counter.add(1)
    reader.force_flush()
    counter.add(2)
    provider.shutdown()

    assert [sent.value for sent in peer.taken] == [1, 2]


def test_points_of_a_tick_end_exactly_at_the_tick_and_follow_one_another(peer, application):
    interval_millis = 20
    app = application(interval_millis=interval_millis)
    ends = []
    while len(ends) < 3:
        app.counter.add(1)
        ends.extend({sent.end for sent in peer.requests.get(timeout=30)})

    assert [end % (interval_millis * 1_000_000) for end in ends] == [0] * len(ends)
    assert ends == sorted(set(ends))


def next_usage(peer):
    """The points of the next request that is not about an idle interval."""
    while not (sent := peer.requests.get(timeout=60)):
        pass
    return sent


@pytest.mark.parametrize("step", range(2, 8))
def test_a_clock_that_steps_back_an_hour_does_not_stop_collections_for_an_hour(peer, step):
    """Wherever the reader is when it looks at the clock and finds that it stepped."""
    looks = count()
    has_stepped = Event()

    def now_ns():
        if next(looks) < step:
            return time_ns()
        has_stepped.set()
        return time_ns() - HOUR_NS

    reader = UsageReader(UsageExporter(peer.url), export_interval_millis=50, now_ns=now_ns)
    provider = MeterProvider([reader], shutdown_on_exit=False)
    counter = provider.get_meter("app").create_counter("plain")
    try:
        assert has_stepped.wait(60)
        counter.add(1)
        first = next_usage(peer)
        counter.add(2)
        second = next_usage(peer)
    finally:
        provider.shutdown()

    assert [sent.value for sent in (*first, *second)] == [1, 2]
    assert first[0].end <= second[0].start < second[0].end


@pytest.mark.parametrize(
    ("environment", "endpoint"),
    [
        ({}, ENDPOINT_DEFAULT),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://base:1"}, "http://base:1/v1/metrics"),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://exact:1/x"}, "http://exact:1/x"),
    ],
)
def test_the_endpoint_comes_from_opentelemetrys_variables(monkeypatch, environment, endpoint):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    wire = Wire(Destination())

    assert wire._otlp._endpoint == endpoint
    wire.shutdown(1_000)


@pytest.mark.parametrize(
    ("endpoint", "is_told"), [("127.0.0.1:4318/v1/metrics", True), ("http://127.0.0.1:9/x", False)]
)
def test_an_endpoint_without_its_scheme_is_told_at_once(endpoint, is_told, caplog):
    UsageExporter(endpoint).shutdown()
    assert ("begins with http://" in caplog.text) is is_told
