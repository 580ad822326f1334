"""`tallystick serve`."""

from __future__ import annotations

import logging
import os
from typing import Any

import click

from tallystick_receiver.app import Receiver
from tallystick_receiver.cli.frame import run, settings_of, settings_options
from tallystick_receiver.serve import serve
from tallystick_receiver.settings import unknown_variables

_log = logging.getLogger(__name__)


@click.command("serve")
@settings_options()
def serve_command(**flags: Any) -> None:
    """Receive OTLP metrics and answer questions until SIGTERM."""

    def ready(receiver: Receiver) -> None:
        host = f"[{receiver.settings.host}]" if ":" in receiver.settings.host else receiver.settings.host
        address = f"http://{host}:{receiver.port}"
        click.echo(f"OTLP/HTTP on {address}{receiver.settings.metrics_path}")
        click.echo(f"usage at {address}/api/usage")
        click.echo(f"dashboard at {address}/")

    settings = settings_of(flags)
    for name, meant in unknown_variables(os.environ).items():
        _log.warning("%s is no setting%s", name, f": is {meant} meant?" if meant else "")
    run(serve(settings, ready))
