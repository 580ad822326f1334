"""`tallystick migrate`."""

from __future__ import annotations

from typing import Any

import click

from tallystick_receiver.cli.frame import run, settings_of, settings_options
from tallystick_receiver.serve import database_url
from tallystick_receiver.settings import Settings
from tallystick_receiver.store.database import connected
from tallystick_receiver.store.migrate import Migration, migrate, migrations


@click.command("migrate")
@settings_options("database_url", "data_dir")
@click.option("--print", "print_sql", is_flag=True, help="Show the SQL of all migrations and change nothing.")
def migrate_command(*, print_sql: bool, **flags: Any) -> None:
    """Bring the database's schema up to date."""
    if print_sql:
        for migration in migrations():
            click.echo(f"-- {migration.number:04} {migration.name}\n{migration.sql}")
        return
    applied = run(_migrate(settings_of(flags)))
    for migration in applied:
        click.echo(f"applied {migration.number:04} {migration.name}")
    if not applied:
        click.echo("up to date")


async def _migrate(settings: Settings) -> list[Migration]:
    async with database_url(settings) as (url, _), connected(url) as connection:
        return await migrate(connection)
