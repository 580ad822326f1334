"""Receiver away, application killed: usage comes from the disk, exactly, by whichever process is next."""

import os
import signal
import socket
import subprocess
import sys
import textwrap

import pytest
from otlp import totals, usage
from system.test_completeness import books, eventually
from waiting import wait_until

SETUP = """
import os, signal, sys
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from tallystick import Metering
from tallystick_exporter import UsageReader

reader = UsageReader(export_interval_millis=3_600_000)
provider = MeterProvider([reader])
metrics.set_meter_provider(provider)
metering = Metering()

def say(word):
    print(word, flush=True)

def hear():
    return sys.stdin.readline()

def deliver():
    while not reader.force_flush():     # the machine is busy, perhaps
        pass
"""


class Applications:
    """Processes of an application that share a spool."""

    def __init__(self, receiver):
        self._receiver = receiver
        self._started = []

    def start(self, program, **settings):
        environment = {
            **os.environ,
            "OTEL_EXPORTER_OTLP_ENDPOINT": self._receiver.url,
            "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT": "30" if self._listens() else "1",
            "OTEL_SERVICE_NAME": "app",
            **settings,
        }
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore::DeprecationWarning", "-c", SETUP + textwrap.dedent(program)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip
        self._started.append(process)
        return process

    def _listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._receiver.port)) == 0

    def run(self, program):
        """A program that must end well."""
        process = self.start(program)
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors

    def close(self):
        for process in self._started:
            process.kill()
            process.communicate()


@pytest.fixture
def receiver(start_receiver):
    return start_receiver()


@pytest.fixture
def applications(receiver):
    started = Applications(receiver)
    yield started
    started.close()


RECORD_AND_EXIT = """
for n in range(100):
    metering.record("kept", n, organization_id=f"org-{n % 10}")
"""
KEPT = sum(range(100))


def test_what_a_process_could_not_deliver_is_delivered_by_the_next(receiver, applications, spool_folder):
    receiver.kill()
    applications.run(RECORD_AND_EXIT)
    applications.run(RECORD_AND_EXIT)
    receiver.start()
    applications.run('metering.record("new", 1, organization_id="acme")')
    applications.run("deliver()")  # what was not delivered in time, if the machine is busy

    assert totals(receiver.url) == {"kept": str(2 * KEPT), "new": "1"}
    assert usage(receiver.url)["totals"][0]["count"] == 20
    assert list(spool_folder.glob("*/*/*/*")) == []


def test_the_same_process_delivers_when_the_receiver_is_back(receiver, applications):
    receiver.kill()
    process = applications.start("""
        for n in (1, 2):
            metering.record("kept", n, organization_id="acme")
            assert not reader.force_flush()
        say("away")
        hear()
        deliver()
    """)
    assert process.stdout.readline() == "away\n"
    receiver.start()
    _, errors = process.communicate("\n", timeout=120)

    assert process.returncode == 0, errors
    assert totals(receiver.url) == {"kept": "3"}
    assert usage(receiver.url)["totals"][0]["count"] == 2


def test_kill_nine_loses_nothing_of_what_was_spooled(receiver, applications):
    receiver.kill()
    process = applications.start("""
        for n in (1, 2, 4):
            metering.record("kept", n, organization_id="acme")
            assert not reader.force_flush()
        metering.record("kept", 1000, organization_id="acme")   # not collected: this is what kill -9 may take
        say("spooled")
        hear()
    """)
    assert process.stdout.readline() == "spooled\n"
    process.kill()
    process.wait(120)
    receiver.start()
    applications.run("deliver()")

    assert totals(receiver.url) == {"kept": "7"}
    assert usage(receiver.url)["totals"][0]["count"] == 3


def test_kills_of_application_and_receiver_take_at_most_the_collection_under_way(receiver, applications):
    kills, confirmed = 4, 0
    for number in range(kills):
        if number % 2:
            receiver.kill()
        process = applications.start("""
            while True:
                metering.record("kept", 1, organization_id="acme")
                reader.force_flush()
                say("delivered or on disk")
        """)
        for _ in range(4):
            assert process.stdout.readline() == "delivered or on disk\n"
        process.kill()
        confirmed += 4 + process.stdout.read().count("\n")
        if number % 2:
            receiver.start()
    applications.run("deliver()")

    assert confirmed <= int(totals(receiver.url)["kept"]) <= confirmed + kills


def test_a_receiver_that_took_the_usage_before_it_was_killed_counts_it_once(receiver, applications):
    """Committed, but the answer never came: the resend has the same identity."""
    process = applications.start("""
        import requests
        from requests.adapters import HTTPAdapter

        # The answer is lost on the way.
        send = HTTPAdapter.send
        def lossy(*args, **options):
            send(*args, **options)
            raise requests.exceptions.ConnectionError("the answer is lost")
        HTTPAdapter.send = lossy
        metering.record("kept", 5, organization_id="acme")
        assert not reader.force_flush()
        say("sent")
        hear()
    """, OTEL_EXPORTER_OTLP_METRICS_TIMEOUT="1")  # fmt: skip
    assert process.stdout.readline() == "sent\n"
    wait_until(lambda: totals(receiver.url) == {"kept": "5"})
    process.kill()
    process.wait(120)
    applications.run("deliver()")

    assert totals(receiver.url) == {"kept": "5"}
    assert usage(receiver.url)["totals"][0]["count"] == 1


def test_four_workers_share_the_folder_and_one_that_is_killed_is_taken_over(receiver, applications):
    receiver.kill()
    program = """
        for n in range(5):
            metering.record("kept", 1, organization_id="acme")
            assert not reader.force_flush()
        say("spooled")
        hear()
        deliver()
        say("flushed")
        hear()
    """
    workers = [applications.start(program) for _ in range(4)]
    assert [worker.stdout.readline() for worker in workers] == ["spooled\n"] * 4
    killed, *alive = workers
    killed.kill()
    killed.wait(120)
    receiver.start()
    for worker in alive:
        worker.stdin.write("\n")
        worker.stdin.flush()
    assert [worker.stdout.readline() for worker in alive] == ["flushed\n"] * 3

    assert totals(receiver.url) == {"kept": "20"}
    assert usage(receiver.url)["totals"][0]["count"] == 20


def test_a_forked_worker_leaves_its_parents_files_alone(receiver, applications):
    receiver.kill()
    process = applications.start("""
        metering.record("kept", 1, organization_id="acme")
        assert not reader.force_flush()
        child = os.fork()
        if not child:
            metering.record("kept", 10, organization_id="acme")
            assert not reader.force_flush()
            assert reader._exporter.waiting == 1
            os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(child, 0)
        assert reader._exporter.waiting == 1
        say("spooled")
        hear()
        deliver()
    """)
    assert process.stdout.readline() == "spooled\n", process.communicate()
    receiver.start()
    _, errors = process.communicate("\n", timeout=120)

    assert process.returncode == 0, errors
    assert totals(receiver.url) == {"kept": "11"}


@pytest.mark.parametrize("is_away", [False, True])
def test_sigterm_flushes_and_still_ends_the_process_as_a_signal_does(receiver, applications, is_away):
    if is_away:
        receiver.kill()
    process = applications.start("""
        metering.record("kept", 3, organization_id="acme")
        say("recorded")
        hear()
    """)
    assert process.stdout.readline() == "recorded\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(120) == -signal.SIGTERM
    if is_away:
        receiver.start()
    applications.run("deliver()")  # what was not delivered in time, if the machine is busy

    assert totals(receiver.url) == {"kept": "3"}


def test_sigterm_flushes_a_forked_worker_too(receiver, applications):
    process = applications.start("""
        metering.record("kept", 1, organization_id="acme")
        child = os.fork()
        if not child:
            metering.record("kept", 10, organization_id="acme")
            say("recorded")
            while True:
                signal.pause()
        hear()
        os.kill(child, signal.SIGTERM)
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGTERM
    """)
    assert process.stdout.readline() == "recorded\n"
    _, errors = process.communicate("\n", timeout=120)
    assert process.returncode == 0, errors
    applications.run("deliver()")  # likewise
    assert totals(receiver.url) == {"kept": "11"}


def test_a_sigterm_handler_of_the_application_stays_whenever_it_was_set(receiver, applications):
    program = """
        def stop(*_):
            say("stopping")
            sys.exit(7)
        {first}
        other = UsageReader(export_interval_millis=3_600_000)
        {then}
        metering.record("kept", 1, organization_id="acme")
        say("recorded")
        hear()
    """
    handle = "signal.signal(signal.SIGTERM, stop)"
    for first, then in ((handle, ""), ("", handle)):
        process = applications.start(program.format(first=first, then=then))
        assert process.stdout.readline() == "recorded\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "stopping\n"
        assert process.wait(120) == 7
    applications.run("deliver()")  # what was not delivered in time, if the machine is busy
    assert totals(receiver.url) == {"kept": "2"}


def test_a_callback_that_hangs_does_not_outlive_sigterm(applications):
    process = applications.start("""
        import tallystick_exporter.termination
        from threading import Event
        tallystick_exporter.termination._END_SECONDS = 0.5
        hangs = lambda _options: Event().wait()
        provider.get_meter("app").create_observable_counter("hangs", [hangs])
        say("recorded")
        hear()
    """)
    assert process.stdout.readline() == "recorded\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(120) == -signal.SIGTERM


def test_what_a_full_spool_dropped_is_a_known_gap_of_exactly_its_amount(start_receiver, applications, receiver):
    receiver.kill()
    process = applications.start("""
        for n in range(40):
            metering.record("kept", 1 + n, organization_id="acme")
            assert not reader.force_flush()
        say("away")
        hear()
        deliver()
        say(reader.points_dropped)
        provider.shutdown()
    """, TALLYSTICK_SPOOL_BYTES_MAX="100000")  # fmt: skip
    assert process.stdout.readline() == "away\n"
    balanced = start_receiver("--listen", f"127.0.0.1:{receiver.port}", "--balance-seconds", "0.05",
                              "--gap-grace-seconds", "0.1")  # fmt: skip
    output, errors = process.communicate("\n", timeout=120)
    assert process.returncode == 0, errors
    dropped = int(output)
    assert dropped > 0

    here = int(totals(balanced.url)["kept"])
    gaps = eventually(lambda: books(balanced)["gaps"])
    assert sum(gap["points"] for gap in gaps) == dropped
    assert sum(int(gap["quantity"]) for gap in gaps) == sum(range(1, 41)) - here


def test_an_outage_with_a_restarted_application_ends_complete(start_receiver, applications, receiver):
    receiver.kill()
    applications.run(RECORD_AND_EXIT)
    killed = applications.start("""
        metering.record("kept", 5, organization_id="acme")
        reader.force_flush()
        say("spooled")
        hear()
    """)
    assert killed.stdout.readline() == "spooled\n"
    balanced = start_receiver("--listen", f"127.0.0.1:{receiver.port}", "--balance-seconds", "0.05",
                              "--silent-seconds-min", "86400")  # fmt: skip
    applications.run('metering.record("new", 1, organization_id="acme")')
    killed.kill()
    killed.wait(120)
    applications.run('metering.record("new", 1, organization_id="acme"); deliver()')

    assert totals(balanced.url) == {"kept": str(KEPT + 5), "new": "2"}
    found = eventually(lambda: (b := books(balanced))["writers"]["announcing"] == 4 and b)
    assert (found["state"], found["gaps"]) == ("complete", [])
