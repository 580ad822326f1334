"""kill -9 of receiver and database under load: what was acknowledged is there, once, to the last unit."""

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys

import pytest
from fault.actors import children
from fault.disks import open_folder
from fault.load import expected, load, progressed
from otlp import PROTOBUF, export_request, get, post, totals
from waiting import wait_until

pytestmark = pytest.mark.editions
KILLS = 10
SERVE = ("-m", "tallystick_receiver", "serve", "--listen", "127.0.0.1:0")
AS_PROCESS_1 = """
import ctypes, os, sys
assert ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0  # PR_SET_CHILD_SUBREAPER, which outlives exec
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
"""Orphans become the receiver's own children, as those of process 1 of a container do."""


def test_a_receiver_killed_five_times_loses_and_doubles_nothing(receiver):
    with load(receiver.url) as clients:
        for _ in range(KILLS // 2):
            wait_until(progressed(clients))
            receiver.kill()
            receiver.start()
    assert totals(receiver.url) == expected(clients)
    assert sum(client.resent for client in clients) > 0


@pytest.mark.timeout(240)
@pytest.mark.skipif(sys.platform != "linux", reason="needs prctl")
def test_a_database_killed_ten_times_is_revived_and_loses_nothing():
    folder = open_folder("tallystick-revived-")
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(
            [sys.executable, "-c", AS_PROCESS_1, *SERVE, "--data-dir", str(folder)],
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
                    victim = pid if chance.random() < 0.5 else chance.choice(children(pid) or [pid])
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(victim, signal.SIGKILL)
                wait_until(progressed(clients))
            wait_until(lambda: get(url + "/readyz").status == 200)
            assert totals(url) == expected(clients)
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(120) == 0, (folder / "log").read_text()[-2000:]
            shutil.rmtree(folder)


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
