"""`tallystick config`."""

from __future__ import annotations

from typing import Any

import click

from tallystick_receiver.cli.frame import as_json_option, settings_of, settings_options
from tallystick_receiver.cli.tables import show
from tallystick_receiver.settings import shown_value, table


@click.command("config")
@settings_options()
@as_json_option
def config_command(*, as_json: bool, **flags: Any) -> None:
    """Show every setting, its value here and what it means."""
    settings = settings_of(flags)
    rows = [
        {
            "setting": row.name, "environment": row.environment, "default": row.default, "meaning": row.meaning,
            "value": shown_value(getattr(settings, row.name), is_secret=row.is_secret),
        }
        for row in table()
    ]  # fmt: skip
    shown = ("environment", "value", "meaning")
    show(rows if as_json else [{name: row[name] for name in shown} for row in rows], as_json=as_json)
