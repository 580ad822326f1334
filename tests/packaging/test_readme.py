"""What README.md shows works as it is printed there."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys

from conftest import run_cli
from otlp import get, usage


def programs(root):
    return re.findall(r"```python\n(.+?)```", (root / "README.md").read_text(), re.DOTALL)


def run(program, receiver):
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_the_fifteen_lines_are_counted_even_though_the_program_ends_at_once(root, receiver):
    first, _ = programs(root)
    run(first, receiver)
    found = usage(receiver.url, orgId="acme", projectId="web")
    assert found["rows"] == [{"type": "logs.ingested.bytes", "unit": "By", "quantity": "5120", "count": 1}]


def test_the_tokens_of_language_models_are_counted_by_kind_and_user(root, receiver):
    first, second = programs(root)
    setup = [line for line in first.splitlines() if re.match("from opentel|from tallystick_|metrics", line)]
    run("\n".join([*setup, second]), receiver)
    found = usage(receiver.url, orgId="acme", type="llm.tokens", groupBy="token.kind", **{"attr.user.id": "u-17"})
    assert {row["token.kind"]: row["quantity"] for row in found["rows"]} == {
        "cache_read": "900", "input_uncached": "14", "output": "43",
    }  # fmt: skip
    assert {row["unit"] for row in found["rows"]} == {"{token}"}
    found = usage(receiver.url, orgId="acme", type="llm.requests", groupBy="gen_ai.provider.name,outcome")
    assert {(row["gen_ai.provider.name"], row["outcome"]): row["quantity"] for row in found["rows"]} == {
        ("anthropic", "ok"): "1", ("openai", "ok"): "1",
    }  # fmt: skip


def test_the_questions_in_the_readme_have_answers(root, receiver):
    paths = re.findall(r"http://[a-z0-9.:]+(/[^\s'`]*)", (root / "README.md").read_text())
    asked = [path for path in paths if path.startswith("/api/")]
    assert asked
    assert {path: get(receiver.url + path).status for path in asked} == dict.fromkeys(asked, 200)


def test_a_key_is_created_by_the_command_in_the_readme(root, database_url):
    (line,) = re.findall(r"^tallystick (keys create .+?)(?: #.*)?$", (root / "README.md").read_text(), re.MULTILINE)
    done = run_cli(*shlex.split(line), "--database-url", database_url)
    assert done.stdout.startswith("tsk_"), done.stderr
