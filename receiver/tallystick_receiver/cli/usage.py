"""`tallystick usage`: the same question as GET /api/usage, for people."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Any

import aiohttp
import click
from rich.console import Console, RenderableType

from tallystick_receiver.cli.allowance import allowance_command
from tallystick_receiver.cli.client import url_option
from tallystick_receiver.cli.completeness import sentence_of
from tallystick_receiver.cli.frame import as_json_option, run
from tallystick_receiver.cli.summary import summary_command
from tallystick_receiver.cli.tables import print_table, table_of
from tallystick_receiver.cli.usage_chart import charts, time_unit, unit_for
from tallystick_receiver.cli.usage_watch import watch
from tallystick_receiver.errors import Unavailable
from tallystick_receiver.readable import readable, readable_hours

_GROUPS = "type,org,project,day,... or dimensions."


@click.group("usage", invoke_without_command=True)
@url_option
@click.option("--key", default="", envvar="TALLYSTICK_KEY", help="A key with the scope read. [TALLYSTICK_KEY]")
@click.option("--org", "orgId", default=None, help="One organisation.")
@click.option("--project", "projectId", default=None, help="One project of it.")
@click.option("--type", "types", multiple=True, help="A metric, or a prefix that ends in *; may be repeated.")
@click.option("--attr", "attributes", multiple=True, help="A dimension's value as key=value; may be repeated.")
@click.option("--from", "from", default=None, help="RFC 3339 time or date; default: this month.")
@click.option("--to", "to", default=None, help="RFC 3339 time or date, exclusive.")
@click.option("--group-by", "groupBy", default="type", show_default=True, help=_GROUPS)
@click.option("--tz", default=None, help="IANA time zone of days; default UTC.")
@click.option("--chart", is_flag=True, help="Bars over time; by hour, day or month, whichever fits the window.")
@click.option(
    "--watch", "is_watched", is_flag=True, help="Ask again and again, until Ctrl-C; lines where no terminal is."
)
@click.option(
    "--every",
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    type=click.FloatRange(min=0.2),
    help="Pause between two questions of --watch.",
)
@as_json_option
@click.pass_context
def usage_command(
    context: click.Context,
    /,
    *,
    url: str,
    key: str,
    types: tuple[str, ...],
    attributes: tuple[str, ...],
    chart: bool,
    is_watched: bool,
    every: float,
    as_json: bool,
    **named: str | None,
) -> None:
    """Who used how much, and when. `summary` is of one metric in one period."""
    if context.invoked_subcommand is not None:
        return
    query = [(name, value) for name, value in named.items() if value is not None] + [("type", t) for t in types]
    for attribute in attributes:
        name, equals, value = attribute.partition("=")
        if not equals:
            raise click.UsageError(f"--attr must be like region=eu, not {attribute!r}")
        query.append((f"attr.{name}", value))
    address = url.rstrip("/") + "/api/usage"
    if chart:
        query = run(_by_time(address, query, key))

    def shown(answer: dict[str, Any]) -> RenderableType:
        return charts(answer, datetime.now(UTC)) if chart else table_of(_table(answer["rows"]))

    if is_watched:
        watch(lambda: _ask(address, query, key), shown, every=every, as_json=as_json)
        return
    found = run(_ask(address, query, key))
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        Console().print(shown(found)) if chart else print_table(shown(found))
        click.echo(sentence_of(found["completeness"]))


def _table(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows without what people do not look at; where there are levels, their averages and integrals over time."""
    shown = [{name: row[name] for name in row if name != "level"} for row in rows]
    if any("level" in row for row in rows):
        for row, line in zip(rows, shown, strict=True):
            level = row.get("level", {})
            average, integral = level.get("average"), level.get("integral")
            line["average"] = None if average is None else readable(Decimal(average), row["unit"])
            line["integral"] = None if integral is None else readable_hours(Decimal(integral), row["unit"])
    return shown


usage_command.add_command(summary_command)
usage_command.add_command(allowance_command)


async def _by_time(url: str, query: list[tuple[str, str]], key: str) -> list[tuple[str, str]]:
    """The question grouped by a unit of time, too, unless it is; the receiver knows which window is meant."""
    groups = dict(query)["groupBy"].split(",")
    if time_unit(groups) is not None:
        return query
    unit = unit_for(await _ask(url, [*query, ("limit", "1")], key))
    return [(name, f"{value},{unit}" if name == "groupBy" else value) for name, value in query]


async def _ask(url: str, query: list[tuple[str, str]], key: str) -> dict[str, Any]:
    """One answer.

    Raises:
        click.ClickException: the receiver says no; the sentence is its own.
        Unavailable: it may say more in a moment (503).
    """
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url, params=query, headers=headers) as r:
        found: dict[str, Any] = await r.json(content_type=None) or {}
        sentence = found.get("detail", f"the receiver answers {r.status}")
        if r.status == HTTPStatus.SERVICE_UNAVAILABLE:
            raise Unavailable(sentence)
        if r.status != HTTPStatus.OK:
            raise click.ClickException(sentence)
        return found
