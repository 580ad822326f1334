"""kill -9 of receiver and database under load: what was acknowledged is there, once, to the last unit."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
from pathlib import Path

import pytest
from otlp import PROTOBUF, SECOND, export_request, get, now_ns, post, totals

pytestmark = pytest.mark.editions
KILLS = 10
CLIENTS = 4
POINTS = 50
SERVE = (sys.executable, "-m", "tallystick_receiver", "serve", "--listen", "127.0.0.1:0")


class Client(threading.Thread):
    """Sends distinct collections, each until it is acknowledged, as an SDK with endless retry would."""

    def __init__(self, url, number):
        super().__init__(daemon=True)
        self.url, self.number = url, number
        self.stopping = threading.Event()
        self.acknowledged = 0
        self.resent = 0
        self.trouble = None

    def run(self):
        first = now_ns() - 3600 * SECOND
        collection = 0
        while not self.stopping.is_set():
            collection += 1
            value = 1 + collection % 7
            points = [
                {"name": "load", "value": value, "end": first + collection * 1000,
                 "attributes": {"org.id": f"org-{n % 5}", "n": n}}
                for n in range(POINTS)
            ]  # fmt: skip
            body = export_request(
                points, resource={"service.name": "load", "service.instance.id": str(self.number)}
            ).SerializeToString()
            if not self._send(body):
                return
            self.acknowledged += value * POINTS

    def _send(self, body):
        for _ in range(2_000):
            with contextlib.suppress(OSError, urllib.error.URLError):
                reply = post(self.url + "/v1/metrics", body)
                if reply.status == 200:
                    assert reply.body == b""
                    return True
                if reply.status != 503:
                    self.trouble = (reply.status, reply.body)
                    return False
            self.resent += 1
            time.sleep(0.01)
        self.trouble = "never acknowledged"
        return False


@contextlib.contextmanager
def load(url):
    clients = [Client(url, number) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        yield clients
    finally:
        for client in clients:
            client.stopping.set()
        for client in clients:
            client.join(60)
    assert [client.trouble for client in clients if client.trouble] == []


def wait_until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def progressed(clients, amount=500):
    """A condition: every client has got that much further."""
    before = [client.acknowledged for client in clients]
    return lambda: all(c.acknowledged >= b + amount or c.trouble for c, b in zip(clients, before, strict=True))


def expected(clients):
    return {"load": str(sum(client.acknowledged for client in clients))}


def test_a_receiver_killed_ten_times_loses_and_doubles_nothing(receiver):
    with load(receiver.url) as clients:
        for _ in range(KILLS):
            wait_until(progressed(clients))
            receiver.kill()
            receiver.start()
    assert totals(receiver.url) == expected(clients)
    assert sum(client.resent for client in clients) > 0


@pytest.mark.timeout(240)
def test_a_database_killed_ten_times_is_revived_and_loses_nothing(tmp_path):
    folder = Path(tmp_path)
    for parent in (folder, *folder.parents):
        if parent.stat().st_uid == os.getuid() and parent != Path("/"):
            with contextlib.suppress(PermissionError):
                parent.chmod(parent.stat().st_mode | 0o055)
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(
            [*SERVE, "--data-dir", str(folder)],
            stdout=subprocess.PIPE, stderr=log, text=True,
        ) as process,
    ):  # fmt: skip
        try:
            url = "http://127.0.0.1:" + process.stdout.readline().split(":")[2].split("/")[0]
            postmaster = folder / "postgres" / "postmaster.pid"
            chance = random.Random(7)
            with load(url) as clients:
                for _ in range(KILLS):
                    wait_until(progressed(clients))
                    pid = int(postmaster.read_text().splitlines()[0])
                    victim = pid if chance.random() < 0.5 else chance.choice(children(pid))
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(victim, signal.SIGKILL)
                wait_until(progressed(clients))
            wait_until(lambda: get(url + "/readyz").status == 200)
            assert totals(url) == expected(clients)
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0, (folder / "log").read_text()[-2000:]


def children(pid):
    """The children of a process; itself when it has none at the moment, as a server that just starts."""
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False).stdout
    return [int(line) for line in found.split()] or [pid]


def test_what_was_committed_but_not_answered_is_a_duplicate_when_it_is_sent_again(receiver):
    body = export_request([{"name": "cut", "value": 5}]).SerializeToString()
    head = (
        f"POST /v1/metrics HTTP/1.1\r\nHost: x\r\nContent-Type: {PROTOBUF}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    with socket.create_connection(("127.0.0.1", receiver.port)) as connection:
        connection.sendall(head + body)
    wait_until(lambda: totals(receiver.url) == {"cut": "5"})
    assert post(receiver.url + "/v1/metrics", body).status == 200
    assert totals(receiver.url) == {"cut": "5"}
    assert get(receiver.url + "/healthz").json["counts"]["points.duplicate"] == 1
