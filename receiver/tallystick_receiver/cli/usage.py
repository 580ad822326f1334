"""`tallystick usage`: the same question as GET /api/usage, for people."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import aiohttp
import click

from tallystick_receiver.cli.completeness import sentence_of
from tallystick_receiver.cli.frame import as_json_option, run, show
from tallystick_receiver.cli.summary import summary_command
from tallystick_receiver.readable import readable, readable_hours

_GROUPS = "type,org,project,day,... or dimensions."


@click.group("usage", invoke_without_command=True)
@click.option("--url", default="http://127.0.0.1:4318", show_default=True, envvar="TALLYSTICK_URL", help="A receiver.")
@click.option("--key", default="", envvar="TALLYSTICK_KEY", help="A key with the scope read. [TALLYSTICK_KEY]")
@click.option("--org", "orgId", default=None, help="One organisation.")
@click.option("--project", "projectId", default=None, help="One project of it.")
@click.option("--type", "types", multiple=True, help="A metric, or a prefix that ends in *; may be repeated.")
@click.option("--attr", "attributes", multiple=True, help="A dimension's value as key=value; may be repeated.")
@click.option("--from", "from", default=None, help="RFC 3339 time or date; default: this month.")
@click.option("--to", "to", default=None, help="RFC 3339 time or date, exclusive.")
@click.option("--group-by", "groupBy", default="type", show_default=True, help=_GROUPS)
@click.option("--tz", default=None, help="IANA time zone of days; default UTC.")
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
    as_json: bool,
    **named: str | None,
) -> None:
    """Who used how much; `summary` for one metric in one period."""
    if context.invoked_subcommand is not None:
        return
    query = [(name, value) for name, value in named.items() if value is not None] + [("type", t) for t in types]
    for attribute in attributes:
        name, equals, value = attribute.partition("=")
        if not equals:
            raise click.UsageError(f"--attr must be like region=eu, not {attribute!r}")
        query.append((f"attr.{name}", value))
    status, found = run(_get(url.rstrip("/") + "/api/usage", query, key))
    if status != 200:  # noqa: PLR2004 - OK
        raise click.ClickException(found.get("detail", f"the receiver answers {status}"))
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        show(_table(found["rows"]), as_json=False)
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


async def _get(url: str, query: list[tuple[str, str]], key: str) -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url, params=query, headers=headers) as r:
        return r.status, await r.json(content_type=None)
