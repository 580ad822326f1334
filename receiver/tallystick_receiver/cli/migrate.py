"""`tallystick migrate`."""

from __future__ import annotations

from typing import Any

import click
from rich.console import Console
from rich.progress import Progress, TaskID

from tallystick_receiver.cli.frame import run, settings_of, settings_options
from tallystick_receiver.embedded import database_url
from tallystick_receiver.settings import Settings
from tallystick_receiver.store.convert import convert
from tallystick_receiver.store.database import connected
from tallystick_receiver.store.edition import Edition, recorded_edition
from tallystick_receiver.store.migrate import migrate, migrations

_TO_HELP = "What an empty database becomes; 'timescaledb' also converts a database that holds usage."


@click.command("migrate")
@settings_options("database_url", "data_dir")
@click.option("--to", "to", type=click.Choice(["postgresql", "timescaledb"]), default=None, help=_TO_HELP)
@click.option("--print", "print_sql", is_flag=True, help="Show the SQL of all migrations and change nothing.")
def migrate_command(*, to: str | None, print_sql: bool, **flags: Any) -> None:
    """Bring the database's schema up to date."""
    if print_sql:
        for migration in migrations():
            click.echo(f"-- {migration.file}\n{migration.sql}")
        return
    for sentence in run(_migrate(settings_of(flags), to)):
        click.echo(sentence)


async def _migrate(settings: Settings, to: str | None) -> list[str]:
    async with database_url(settings) as (url, _), connected(url) as connection:
        applied = await migrate(connection, Edition.POSTGRESQL if to == "postgresql" else None)
        sentences = [f"applied {migration.number:04} {migration.name}" for migration in applied] or ["up to date"]
        before = await recorded_edition(connection)
        if to == "postgresql" and before is not Edition.POSTGRESQL:
            raise click.ClickException(f"this database is made for {before}; it cannot become plain PostgreSQL")
        if to == "timescaledb":
            console = Console(stderr=True)
            with Progress(console=console, disable=not console.is_terminal, transient=True) as bars:
                tasks: dict[str, TaskID] = {}

                def progress(what: str, done: int, whole: int) -> None:
                    if what not in tasks:
                        tasks[what] = bars.add_task(what, total=whole)
                    bars.update(tasks[what], completed=done)

                after = await convert(connection, progress)
            sentences.append(f"{before} stays" if after is before else f"{before} became {after}")
        return sentences
