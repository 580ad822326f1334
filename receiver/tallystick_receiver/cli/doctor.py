"""`tallystick doctor`: the condition of the storage."""

from __future__ import annotations

import json
from typing import Any

import click

from tallystick_receiver.cli.frame import as_json_option, run, settings_of, settings_options
from tallystick_receiver.cli.tables import show
from tallystick_receiver.embedded import database_url
from tallystick_receiver.settings import Settings
from tallystick_receiver.store.condition import Finding, Grade, examine
from tallystick_receiver.store.database import connected


@click.command("doctor")
@settings_options("database_url", "data_dir")
@as_json_option
def doctor_command(*, as_json: bool, **flags: Any) -> None:
    """Look at database, schema and upkeep. Changes nothing; exit code 1 when something is wrong."""
    found = run(_examine(settings_of(flags)))
    rows = [{"subject": f.subject, "grade": f.grade.value, "finding": f.sentence} for f in found]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
    else:
        show(rows, as_json=False)
    if any(finding.grade is Grade.WRONG for finding in found):
        raise SystemExit(1)


async def _examine(settings: Settings) -> list[Finding]:
    async with database_url(settings) as (url, _), connected(url) as connection:
        return await examine(connection)
