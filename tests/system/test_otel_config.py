"""The files of otel-config/ do what they say: a program configured by them is metered."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from otlp import export, export_request, get, totals, usage

PROGRAM = """
from opentelemetry import metrics
from opentelemetry.sdk._configuration import _OTelSDKConfigurator
_OTelSDKConfigurator().configure()  # what opentelemetry-instrument does
from tallystick import Metering
metering = Metering()
for number in range(3000):
    metering.record("queries.executed", 2, organization_id=f"org-{number}", project_id="web", unit="{query}")
metrics.get_meter_provider().shutdown()
"""


def run_program(**environment: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", PROGRAM],
        capture_output=True, text=True, timeout=120, check=False, env={**os.environ, **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


@pytest.fixture
def sdk_env(root):
    lines = (root / "otel-config/sdk.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def assert_all_arrived(receiver) -> None:
    assert totals(receiver.url) == {"queries.executed": "6000"}
    assert totals(receiver.url, orgId="org-2999", projectId="web") == {"queries.executed": "2"}
    rows = usage(receiver.url, groupBy="service.name")["rows"]
    assert [row["service.name"] for row in rows] == ["log-platform"]


def test_sdk_env_sends_the_usage_of_more_organisations_than_the_sdk_s_own_limit(receiver, sdk_env):
    assert sdk_env["OTEL_METRICS_EXPORTER"] == "tallystick"
    run_program(**{**sdk_env, "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url})
    assert_all_arrived(receiver)


def test_sdk_config_yaml_sends_the_usage_of_more_organisations_than_the_sdk_s_own_limit(receiver, root):
    run_program(
        OTEL_CONFIG_FILE=str(root / "otel-config/sdk-config.yaml"),
        OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=f"{receiver.url}/v1/metrics",
    )
    assert_all_arrived(receiver)


def test_what_the_stock_sdk_strips_of_its_organisation_is_unattributed_and_adds_up(receiver):
    """SDKs from 1.45.2 on sum what exceeds 2,000 attribute sets without attributes."""
    run_program(
        OTEL_METRICS_EXPORTER="otlp", OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
        OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf", OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE="delta",
    )  # fmt: skip
    assert totals(receiver.url) == {"queries.executed": "6000"}
    by_org = {row["org"]: int(row["quantity"]) for row in usage(receiver.url, groupBy="org")["rows"]}
    unattributed = by_org.pop("(unattributed)")
    assert unattributed == 6000 - 2 * len(by_org) > 0
    assert totals(receiver.url, orgId="(unattributed)") == {"queries.executed": str(unattributed)}
    assert get(receiver.url + "/healthz").json["counts"]["points.unattributed"] == 1


def test_nobody_may_bear_the_name_of_unattributed_usage(receiver):
    reply = export(receiver.url, export_request([{"attributes": {"org.id": "(unattributed)"}}]))
    assert reply.rejected == 1


def test_the_files_name_the_receiver_s_default_address(root):
    for name in ("sdk.env", "sdk-config.yaml"):
        assert re.search(r"http://127\.0\.0\.1:4318(/v1/metrics)?\b", (root / "otel-config" / name).read_text())
