"""`tallystick export`: GET /api/v1/usage/export into a file or a pipe, as it comes."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

import aiohttp
import click
from rich.console import Console
from rich.progress import DownloadColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TransferSpeedColumn

from tallystick_receiver.cli.client import url_option
from tallystick_receiver.cli.frame import run

_PIECE_BYTES: Final = 256 * 1024
_CONNECT_SECONDS: Final = 10
_FORMATS: Final = ("csv", "ndjson", "parquet", "focus")
_GROUPS: Final = "type,org,project,day,attributes,... or dimensions; default: org,project,type,hour,attributes."


@click.command("export")
@url_option
@click.option("--key", default="", envvar="TALLYSTICK_KEY", help="A key with the scope read. [TALLYSTICK_KEY]")
@click.option(
    "--format", "format", type=click.Choice(["csv", "ndjson", "parquet", "focus"]), default="csv", show_default=True
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="A file, which is there when it is whole; default: standard output.",
)
@click.option("--org", "orgId", default=None, help="One organisation.")
@click.option("--project", "projectId", default=None, help="One project of it.")
@click.option("--type", "types", multiple=True, help="A metric, or a prefix that ends in *; may be repeated.")
@click.option("--attr", "attributes", multiple=True, help="A dimension's value as key=value; may be repeated.")
@click.option("--from", "from", default=None, help="RFC 3339 time or date; default: this month.")
@click.option("--to", "to", default=None, help="RFC 3339 time or date, exclusive.")
@click.option("--group-by", "groupBy", default=None, help=_GROUPS)
@click.option("--tz", default=None, help="IANA time zone of days; default UTC.")
def export_command(
    *, url: str, key: str, output: Path | None, types: tuple[str, ...], attributes: tuple[str, ...],
    **named: str | None,
) -> None:  # fmt: skip
    """Usage of any size as a file. CSV, NDJSON or Parquet, or what it costs in the columns of FOCUS."""
    if output is None and sys.stdout.isatty() and named["format"] == "parquet":
        raise click.UsageError("Parquet is not for a terminal: say --output")
    query = [(name, value) for name, value in named.items() if value is not None] + [("type", t) for t in types]
    for attribute in attributes:
        name, equals, value = attribute.partition("=")
        if not equals:
            raise click.UsageError(f"--attr must be like region=eu, not {attribute!r}")
        query.append((f"attr.{name}", value))
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    path = "/api/v1/costs/export" if named["format"] == "focus" else "/api/v1/usage/export"
    with _target(output) as file, _progress() as advance:
        said = run(_copy(url.rstrip("/") + path, query, headers, file, advance))
    completeness = f"; completeness: {said['Completeness']}" if said["Completeness"] else ""
    click.echo(f"{said['From']} to {said['To']} ({said['Time-Zone']}){completeness}", err=True)


async def _copy(
    url: str, query: list[tuple[str, str]], headers: dict[str, str], file: BinaryIO, advance: Callable[[int], Any]
) -> dict[str, str]:
    """What the receiver says of the file, once it is whole."""
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url, params=query, headers=headers) as r:
        if r.status != 200:  # noqa: PLR2004 - OK
            raise click.ClickException(_why(await r.text(), r.status))
        async for piece in _pieces(r):
            file.write(piece)
            advance(len(piece))
        file.flush()
        return {name: r.headers.get(f"Tallystick-{name}", "") for name in ("From", "To", "Time-Zone", "Completeness")}


async def _pieces(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """The body; a connection that was cut is no end."""
    try:
        async for piece in response.content.iter_chunked(_PIECE_BYTES):
            yield piece
    except aiohttp.ClientError as error:
        raise click.ClickException(f"the export was cut short: {error}") from None


def _why(body: str, status: int) -> str:
    try:
        return str(json.loads(body)["detail"])
    except (ValueError, KeyError, TypeError):
        return f"the receiver answers {status}"


@contextmanager
def _target(output: Path | None) -> Iterator[BinaryIO]:
    """Standard output, or a file beside `output` that takes its name when all went well."""
    if output is None:
        yield sys.stdout.buffer
        return
    part = output.with_name(output.name + ".part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(output)
    except OSError as error:
        raise click.ClickException(str(error)) from None
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _progress() -> Iterator[Callable[[int], Any]]:
    """How much came, on standard error, when that is a terminal and the rows are not shown there, too."""
    console = Console(stderr=True)
    shown = console.is_terminal and not sys.stdout.isatty()
    columns = (SpinnerColumn(), TextColumn("export"), DownloadColumn(), TransferSpeedColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not shown, transient=True) as progress:
        task = progress.add_task("export", total=None)
        yield lambda size: progress.advance(task, size)
