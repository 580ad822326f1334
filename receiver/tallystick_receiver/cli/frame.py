"""What every command shares: flags from the table of settings, and one way to run."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

import click

from tallystick_receiver.embedded import EmbeddedMissingError
from tallystick_receiver.errors import InvalidQuestion, NotLoopbackError, Unavailable
from tallystick_receiver.settings import Settings, SettingsError, read_settings, table
from tallystick_receiver.store.database import DatabaseTooOldError
from tallystick_receiver.store.edition import EditionError
from tallystick_receiver.store.migrate import MigrationError

Result = TypeVar("Result")
_KNOWN_ERRORS: Final = (
    MigrationError, EditionError, DatabaseTooOldError, NotLoopbackError, EmbeddedMissingError, InvalidQuestion,
    Unavailable, OSError,
)  # fmt: skip

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
    except Exception as error:
        import aiohttp  # noqa: PLC0415 - a command that asks the database alone does not wait for it

        if isinstance(error, (*_KNOWN_ERRORS, aiohttp.ClientError)):
            raise click.ClickException(reason_of(error)) from None
        raise


def reason_of(error: Exception) -> str:
    """What went wrong, for a person; of a receiver that cannot be asked, what to do about it."""
    import aiohttp  # noqa: PLC0415 - as above

    if isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
        return f"--url must be like http://127.0.0.1:4318, which {error} is not"
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, ConnectionRefusedError):
        return f"no receiver listens at {error.host}:{error.port}: `tallystick serve` starts one, --url names another"
    return str(error) or type(error).__name__
