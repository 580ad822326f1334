"""What README.md shows works as it is printed there."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys

from conftest import run_cli
from otlp import get, usage


def test_the_fifteen_lines_are_counted_even_though_the_program_ends_at_once(root, receiver):
    (program,) = re.findall(r"```python\n(.+?)```", (root / "README.md").read_text(), re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    found = usage(receiver.url, orgId="acme", projectId="web")
    assert found["rows"] == [{"type": "logs.ingested.bytes", "unit": "By", "quantity": "5120", "count": 1}]


def test_the_questions_in_the_readme_have_answers(root, receiver):
    paths = re.findall(r"http://[a-z0-9.:]+(/[^\s'`]*)", (root / "README.md").read_text())
    asked = [path for path in paths if path.startswith("/api/")]
    assert asked
    assert {path: get(receiver.url + path).status for path in asked} == dict.fromkeys(asked, 200)


def test_the_commands_in_the_readme_exist(root):
    text = (root / "README.md").read_text()
    commands = {tuple(words.split()) for words in re.findall(r"`tallystick ((?:[a-z]+ ?)+)`", text)}
    assert {("serve",), ("demo",), ("keys", "create")} <= commands
    for words in sorted(commands):
        assert run_cli(*words, "--help").returncode == 0, words


def test_a_key_is_created_by_the_command_in_the_readme(root, database_url):
    (line,) = re.findall(r"^tallystick (keys create .+?)(?: #.*)?$", (root / "README.md").read_text(), re.MULTILINE)
    done = run_cli(*shlex.split(line), "--database-url", database_url)
    assert done.stdout.startswith("tsk_"), done.stderr
