"""The exporter as applications load it: real SDK, real receiver, real processes, real names."""

import os
import subprocess
import sys
import textwrap

import pytest
from otlp import totals, usage

SETUP = """
import os
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from tallystick import Metering
from tallystick_exporter import UsageReader
"""


def run(program, receiver_url, **environment):
    """A program of its own that must end well."""
    done = subprocess.run(
        [sys.executable, "-c", SETUP + textwrap.dedent(program)],
        capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": receiver_url, "OTEL_SERVICE_NAME": "app", **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done


def test_the_reader_loads_by_its_name_from_the_environment(receiver):
    program = """
        from opentelemetry.sdk._configuration import _OTelSDKConfigurator
        _OTelSDKConfigurator()._configure()
        Metering().record("queries.executed", 3, organization_id="acme", unit="{query}")
        metrics.get_meter("app").create_counter("plain").add(4, {"org.id": "acme"})
    """
    run(
        program,
        receiver.url,
        OTEL_METRICS_EXPORTER="tallystick",
        OTEL_TRACES_EXPORTER="none",
        OTEL_LOGS_EXPORTER="none",
    )
    assert totals(receiver.url) == {"queries.executed": "3", "plain": "4"}


def test_the_exporter_loads_from_a_declarative_file(receiver, tmp_path):
    file = tmp_path / "sdk.yaml"
    file.write_text(
        textwrap.dedent(f"""
        file_format: "1.0"
        meter_provider:
          readers:
            - periodic:
                interval: 60000
                exporter:
                  tallystick_exporter: {{endpoint: "{receiver.url}/v1/metrics", compression: gzip}}
    """)
    )
    program = """
        from opentelemetry.sdk._configuration import _OTelSDKConfigurator
        _OTelSDKConfigurator()._configure()
        Metering().record("queries.executed", 5, organization_id="acme")
        metrics.get_meter_provider().shutdown()
    """
    run(program, receiver.url, OTEL_CONFIG_FILE=str(file))
    assert totals(receiver.url) == {"queries.executed": "5"}


def test_usage_of_a_short_process_is_sent_when_it_ends(receiver):
    program = """
        metering = Metering()
        metering.record("before", 1, organization_id="acme")
        metrics.set_meter_provider(MeterProvider([UsageReader()]))
        metering.record("after", 2, organization_id="acme")
    """
    run(program, receiver.url)
    assert totals(receiver.url) == {"before": "1", "after": "2"}


def test_a_forked_child_sends_its_own_usage_and_never_its_parents(receiver):
    program = """
        provider = MeterProvider([UsageReader(export_interval_millis=3_600_000)])
        metrics.set_meter_provider(provider)
        metering = Metering()
        counter = provider.get_meter("app").create_counter("plain")
        metering.record("recorded", 7, organization_id="acme")
        counter.add(7, {"org.id": "acme"})
        children = []
        for _ in range(4):
            child = os.fork()
            if not child:
                metering.record("recorded", 1, organization_id="acme")
                counter.add(1, {"org.id": "acme"})
                provider.shutdown()
                os._exit(0)
            children.append(child)
        assert all(os.waitpid(child, 0)[1] == 0 for child in children)
        metering.record("recorded", 1, organization_id="acme")
    """
    run(program, receiver.url)
    assert totals(receiver.url) == {"recorded": "12", "plain": "11"}


def test_what_a_dead_receiver_did_not_take_is_sent_when_it_is_back(start_receiver):
    receiver = start_receiver()
    receiver.kill()
    program = """
        import sys
        reader = UsageReader(export_interval_millis=3_600_000)
        provider = MeterProvider([reader])
        metrics.set_meter_provider(provider)
        metering = Metering()
        for n in (1, 2):
            metering.record("kept", n, organization_id="acme")
            assert not reader.force_flush()
        print("away", flush=True)
        sys.stdin.readline()
        while not reader.force_flush():
            pass
    """
    environment = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", SETUP + textwrap.dedent(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, env=environment,
    ) as process:  # fmt: skip
        assert process.stdout.readline() == "away\n"
        receiver.start()
        _, errors = process.communicate("\n", timeout=120)
    assert process.returncode == 0, errors
    assert totals(receiver.url) == {"kept": "3"}
    assert usage(receiver.url)["totals"][0]["count"] == 2


@pytest.mark.parametrize("orgs", [3_000])
def test_more_organisations_than_the_sdk_keeps_by_default_stay_apart(receiver, orgs):
    program = f"""
        provider = MeterProvider([UsageReader()])
        counter = provider.get_meter("app").create_counter("requests")
        for n in range({orgs}):
            counter.add(1, {{"org.id": f"org-{{n}}"}})
        provider.shutdown()
    """
    run(program, receiver.url)
    assert len(usage(receiver.url, groupBy="org")["rows"]) == orgs
