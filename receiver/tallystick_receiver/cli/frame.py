"""What every command shares: flags from the table of settings, one way to run, one way to print."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Collection, Coroutine
from typing import Any, Final, TypeVar

import aiohttp
import click
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from tallystick_receiver.embedded import EmbeddedMissingError
from tallystick_receiver.errors import InvalidQuestion, NotLoopbackError, Unavailable
from tallystick_receiver.readable import printable
from tallystick_receiver.settings import Settings, SettingsError, read_settings, table
from tallystick_receiver.store.database import DatabaseTooOldError
from tallystick_receiver.store.edition import EditionError
from tallystick_receiver.store.migrate import MigrationError

Result = TypeVar("Result")
_UNFOLDED_COLUMNS: Final = 10_000
"""How wide a table may become where no terminal is: its reader is a program, or a file, and looks for whole words."""
_KNOWN_ERRORS: Final = (
    MigrationError, EditionError, DatabaseTooOldError, NotLoopbackError, EmbeddedMissingError, InvalidQuestion,
    Unavailable, OSError, aiohttp.ClientError,
)  # fmt: skip
_FIGURES: Final = ("quantity", "count", "average", "integral")

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")


def settings_options(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A flag for each named setting (all, when none is named), from the one table."""

    def add(command: Callable[..., None]) -> Callable[..., None]:
        for row in reversed(table()):
            if not row.is_secret and (not names or row.name in names):
                flag = "--" + row.name.replace("_", "-")
                shown = f"{row.meaning} [{row.environment}, default {row.default or 'none'}]"
                command = click.option(flag, row.name, default=None, help=shown)(command)
        return command

    return add


def settings_of(flags: dict[str, Any]) -> Settings:
    """Settings from flags and the environment; a bad one is a usage error (exit code 2)."""
    try:
        return read_settings(flags, os.environ)
    except SettingsError as error:
        raise click.UsageError(str(error)) from None


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine; errors that a person can do something about become one sentence and exit code 1."""
    try:
        return asyncio.run(work)
    except _KNOWN_ERRORS as error:
        raise click.ClickException(reason_of(error)) from None


def reason_of(error: Exception) -> str:
    """What went wrong, for a person; of a receiver that cannot be asked, what to do about it."""
    if isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
        return f"--url must be like http://127.0.0.1:4318, which {error} is not"
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, ConnectionRefusedError):
        return f"no receiver listens at {error.host}:{error.port}: `tallystick serve` starts one, --url names another"
    return str(error) or type(error).__name__


def show(rows: list[dict[str, Any]], *, as_json: bool, figures: Collection[str] = _FIGURES) -> None:
    """Print rows as a table, whose figures are aligned, or as JSON."""
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    print_table(table_of(rows, figures))


def print_table(table: RenderableType) -> None:
    """Print a table as wide as the terminal; in a pipe or a file no cell is folded."""
    console = Console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console = Console(width=_UNFOLDED_COLUMNS)
    console.print(table)


def table_of(rows: list[dict[str, Any]], figures: Collection[str] = _FIGURES) -> RenderableType:
    """Rows as a table, whose figures are aligned."""
    if not rows:
        return "none"
    shown = Table(box=None, header_style="bold")
    for name in rows[0]:
        shown.add_column(Text(printable(name)), overflow="fold", justify="right" if name in figures else "left")
    for row in rows:
        # As Text: what looks like markup in a tenant's name is none.
        shown.add_row(*(Text("" if value is None else printable(str(value))) for value in row.values()))
    return shown
