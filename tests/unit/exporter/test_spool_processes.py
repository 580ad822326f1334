"""The spool among real processes: owned by one at a time, whole after kill -9."""

import os
import signal
import subprocess
import sys

import pytest
from unit.exporter.spools import drained

WRITER = """
import os, signal, sys
from pathlib import Path
from tallystick_exporter.parcel import parcel_of
from tallystick_exporter.spool import Spool

def say(word):
    print(word, flush=True)

spool = Spool(Path(sys.argv[1]), 10**9, 86_400, lambda losses: None)
"""


class Writer:
    """A process that writes into the spool as its program says, and ends by kill -9."""

    def __init__(self, root, program):
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore::DeprecationWarning", "-c", WRITER + program, str(root)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": ":".join(path for path in sys.path if path)},
        )  # fmt: skip

    def heard(self):
        return self.process.stdout.readline()

    def kill(self):
        self.process.kill()
        self.process.communicate()


def test_what_was_written_survives_kill_nine_and_is_adopted_only_then(spools):
    writer = Writer(
        spools.root,
        """
import time
for n in range(10):
    spool.add(parcel_of(b"body %d" % n, 1, time.time_ns()))
say("written")
sys.stdin.readline()
""",
    )
    assert writer.heard() == "written\n"
    spool = spools.open()
    spool.adopt()
    assert len(spool) == 0
    writer.kill()
    spool.adopt()
    spools.now_ns = 0

    assert [found.body for found in drained(spool)] == [b"body %d" % n for n in range(10)]


def test_kill_nine_while_writing_loses_nothing_that_was_confirmed(spools):
    writer = Writer(
        spools.root,
        """
import time
for n in range(10**9):
    spool.add(parcel_of(b"%d" % n, 1, time.time_ns()))
    say(n)
""",
    )
    for _ in range(50):
        confirmed = int(writer.heard())
    writer.process.send_signal(signal.SIGKILL)
    confirmed = max([confirmed, *map(int, writer.process.stdout.read().split())])
    writer.kill()
    spools.now_ns = 0
    spool = spools.open()
    spool.adopt()

    found = [int(one.body) for one in drained(spool)]
    assert found[: confirmed + 1] == list(range(confirmed + 1))
    assert len(found) <= confirmed + 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_living_child_does_not_keep_the_folder_of_its_dead_parent(spools):
    writer = Writer(
        spools.root,
        """
import time
spool.add(parcel_of(b"parent", 1, time.time_ns()))
if os.fork():
    sys.stdin.readline()
else:
    say(os.getpid())
    while True:
        signal.pause()
""",
    )
    child = int(writer.heard())
    spool = spools.open()
    spool.adopt()
    assert len(spool) == 0
    writer.process.kill()
    writer.process.wait()
    spool.adopt()
    os.kill(child, signal.SIGKILL)
    writer.kill()
    spools.now_ns = 0

    assert [found.body for found in drained(spool)] == [b"parent"]


def test_four_processes_write_into_one_folder_and_nothing_is_lost_or_doubled(spools):
    program = """
import time
for n in range(50):
    spool.add(parcel_of(b"%d %d" % (os.getpid(), n), 1, time.time_ns()))
say("written")
sys.stdin.readline()
"""
    writers = [Writer(spools.root, program) for _ in range(4)]
    assert [writer.heard() for writer in writers] == ["written\n"] * 4
    for writer in writers:
        writer.kill()
    spools.now_ns = 0
    spool = spools.open()
    spool.adopt()

    found = [one.body.decode() for one in drained(spool)]
    assert sorted(found) == sorted(f"{writer.process.pid} {n}" for writer in writers for n in range(50))
