"""Each command in an interpreter of its own, as a user starts it: other tests' commands begin where its imports end."""

import subprocess
import sys

from receivers import environment_of


def started(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "tallystick_receiver", *arguments, "--help"],
        capture_output=True, text=True, timeout=120, check=False, env=environment_of({}),
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_every_command_finds_by_itself_what_it_imports():
    listed = [line.split()[0] for line in started().split("Commands:\n")[1].splitlines()]
    assert {"serve", "migrate", "usage"} <= set(listed)
    for command in listed:
        assert started(command).startswith(f"Usage: python -m tallystick_receiver {command}")
