"""`tallystick serve`."""

from __future__ import annotations

from typing import Any

import click

from tallystick_receiver.app import Receiver
from tallystick_receiver.cli.frame import run, settings_of, settings_options
from tallystick_receiver.serve import serve


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

    run(serve(settings_of(flags), ready))
