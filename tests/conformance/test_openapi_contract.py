"""Schemathesis reads /openapi.json and asks a real receiver: no 5xx, and no answer that is not described there.

Which checks and how many examples stands in api/schemathesis.toml, with the reason of each exception. The same cases
are made each time, so that a failure is found again by running it again. The stream of events (Accept:
text/event-stream) never ends and is not asked for: `*/*` gets a page.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import run_cli
from otlp import SECOND, export, export_request, now_ns, send

pytestmark = pytest.mark.timeout(300)  # twenty seconds each, and much more on a machine that does other things
FOLDER = Path(__file__).parent / "api"


def describe(receiver, key=""):
    """A bit of everything: usage accepted and refused, records, thresholds, an alert, a subscription."""
    end = now_ns() - 60 * SECOND
    points = [
        {"name": f"metric.{n}", "unit": "By", "value": n, "attributes": {"org.id": "acme", "region": "eu"}, "end": end}
        for n in range(3)
    ]
    points.append({"name": "refused", "unit": "", "value": 1, "attributes": {"project.id": "web"}, "end": 1})
    assert export(receiver.url, export_request(points), key).status == 200
    threshold = {"metricKey": "metric.1", "subjectId": "acme", "threshold": 1}
    assert send("POST", receiver.url + "/api/v1/thresholds", threshold, key).status == 201
    wanted = {"type": "usage.recorded", "orgId": "acme"}
    assert send("POST", receiver.url + "/api/v1/events/subscriptions", wanted, key).status == 201


def ask(receiver, *arguments, key=""):
    """What schemathesis has to say."""
    headers = ["--header", f"Authorization: Bearer {key}"] if key else []
    return subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "--config-file", FOLDER / "schemathesis.toml", "--no-color", "run",
         receiver.url + "/openapi.json", *headers, *arguments],
        capture_output=True, text=True, timeout=280, check=False, cwd=FOLDER,
        env={**os.environ, "SCHEMATHESIS_HOOKS": "formats", "PYTHONPATH": str(FOLDER)},
    )  # fmt: skip


def test_every_answer_at_the_edges_of_the_schemas_is_described(receiver):
    describe(receiver)
    done = ask(receiver, "--phases", "examples,coverage")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "unforeseen" not in receiver.log


def test_every_answer_to_the_key_of_an_organisation_is_described(receiver, database_url):
    scopes = [word for scope in ("ingest", "read", "admin") for word in ("--scope", scope)]
    created = run_cli("keys", "create", "--name", "contract", *scopes, "--org", "acme", "--database-url", database_url)
    key = created.stdout.strip()
    assert key.startswith("tsk_"), created.stderr
    describe(receiver, key)
    done = ask(receiver, "--phases", "fuzzing,stateful", key=key)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "unforeseen" not in receiver.log
