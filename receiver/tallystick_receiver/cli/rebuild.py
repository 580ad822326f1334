"""`tallystick rebuild`: rollups from points."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import click

from tallystick_receiver.cli.frame import run, settings_of, settings_options
from tallystick_receiver.cli.window import progress_of_days, window_of, window_options
from tallystick_receiver.embedded import database_url
from tallystick_receiver.settings import Settings
from tallystick_receiver.store.database import connected
from tallystick_receiver.store.migrate import migrate
from tallystick_receiver.store.rebuild import rebuild_rollups


@click.command("rebuild")
@window_options
@settings_options("database_url", "data_dir")
def rebuild_command(*, from_: datetime | None, to: datetime | None, org: str | None, **flags: Any) -> None:
    """Recompute rollups from points and mend costs. In one transaction, then aggregates; receivers may go on."""
    click.echo(run(_rebuild(settings_of(flags), from_, to, org)))


async def _rebuild(settings: Settings, start: datetime | None, end: datetime | None, org: str | None) -> str:
    async with database_url(settings) as (url, _), connected(url) as connection:
        await migrate(connection)
        lower, upper = await window_of(connection, start, end)
        with progress_of_days("rebuilding", (upper - lower) // timedelta(days=1)) as progress:
            written = await rebuild_rollups(connection, start=lower, end=upper, org=org, progress=progress)
    return f"rebuilt {written} quarters of an hour, {lower.date()} to {upper.date()} (exclusive)"
