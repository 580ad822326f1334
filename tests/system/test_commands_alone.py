"""Commands in interpreters of their own, as a user starts them: other tests fork them, imports done (warm.py)."""

import subprocess
import sys

from receivers import environment_of, run_cli


def alone(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "tallystick_receiver", *arguments],
        capture_output=True, text=True, timeout=120, check=False, env=environment_of(environment),
    )  # fmt: skip


def shown(*arguments):
    done = alone(*arguments, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_every_command_finds_by_itself_what_it_imports():
    listed = [line.split()[0] for line in shown().split("Commands:\n")[1].splitlines()]
    assert {"serve", "migrate", "usage"} <= set(listed)
    for command in listed:
        assert shown(command).startswith(f"Usage: python -m tallystick_receiver {command}")


def test_a_command_that_is_forked_ends_and_prints_as_one_by_itself():
    for arguments, code in (
        (("config", "--json"), 0),
        (("config",), 0),
        (("keys", "list", "--database-url", "postgresql://nobody@127.0.0.1:1/none"), 1),
        (("serve", "--listen", "nowhere"), 2),
        (("nonsense",), 2),
    ):
        one, other = (run(*arguments, COLUMNS="99", TALLYSTICK_ROLL_SECONDS="7") for run in (alone, run_cli))
        assert (one.returncode, one.stdout, one.stderr) == (other.returncode, other.stdout, other.stderr)
        assert one.returncode == code


def test_a_command_does_not_wait_for_imports_of_others():
    for command, unneeded in (("keys", "aiohttp"), ("serve", "rich.console")):
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "tallystick_receiver", command, "--help"],
            capture_output=True, text=True, timeout=120, check=True, env=environment_of({}),
        )  # fmt: skip
        imported = {line.split("|")[-1].strip() for line in done.stderr.splitlines()}
        assert "tallystick_receiver.cli.frame" in imported and unneeded not in imported
