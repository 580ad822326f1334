"""The window of commands that work on whole UTC days, and a bar that shows how far they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tallystick_receiver.store.verify import first_day

if TYPE_CHECKING:
    import asyncpg

_DAY = timedelta(days=1)


def window_options(command: Callable[..., None]) -> Callable[..., None]:
    """--from, --to and --org."""
    for option in (
        click.option("--org", default=None, help="One organisation only."),
        click.option("--to", "to", type=click.DateTime(["%Y-%m-%d"]), default=None, metavar="DATE",
                     help="UTC day, exclusive; default: the day after tomorrow."),
        click.option("--from", "from_", type=click.DateTime(["%Y-%m-%d"]), default=None, metavar="DATE",
                     help="UTC day; default: the first of which anything is kept."),
    ):  # fmt: skip
        command = option(command)
    return command


async def window_of(
    connection: asyncpg.Connection, start: datetime | None, end: datetime | None
) -> tuple[datetime, datetime]:
    """Midnights in UTC.

    Raises:
        click.UsageError: the window is empty.
    """
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    upper = end.replace(tzinfo=UTC) if end else today + 2 * _DAY
    lower = start.replace(tzinfo=UTC) if start else min(await first_day(connection) or today, upper - _DAY)
    if lower >= upper:
        raise click.UsageError("--from must be before --to")
    return lower, upper


@contextmanager
def progress_of_days(title: str, days: int) -> Iterator[Callable[[date], Any]]:
    """A bar on standard error, when that is a terminal; call the result after each day."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task(title, total=days)
        yield lambda day: progress.update(task, advance=1, description=f"{title} {day}")
