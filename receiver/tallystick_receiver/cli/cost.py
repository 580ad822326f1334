"""`tallystick cost` and `tallystick costs`: what usage costs, and which months may still change."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

import aiohttp
import click
from click.core import ParameterSource

from tallystick_receiver.cli.client import Client, receiver_options
from tallystick_receiver.cli.completeness import sentence_of
from tallystick_receiver.cli.frame import as_json_option, run
from tallystick_receiver.cli.tables import show

_GROUPS: Final = "model, provider, kind, user, conversation, feature, agent, project, org, day, week, month, ..."
_MONTHS: Final = "/api/v1/costs/months"


def asking_options(command: Callable[..., None]) -> Callable[..., None]:
    """Whose cost of what is asked for, when, of which receiver."""
    for option in (
        as_json_option,
        click.option("--tz", default=None, help="IANA time zone of days; default UTC."),
        click.option("--to", default=None, help="RFC 3339 time or date, exclusive."),
        click.option("--from", "from", default=None, help="RFC 3339 time or date; default: this month."),
        click.option("--attr", "attributes", multiple=True, help="A dimension's value as key=value; may be repeated."),
        click.option("--project", "projectId", default=None, help="One project of it."),
        click.option("--org", "orgId", default=None, help="One organisation."),
        receiver_options,
    ):
        command = option(command)
    return command


type_option = click.option("--type", "types", multiple=True, help="A metric, or a prefix that ends in *; repeatable.")


@click.group("cost", invoke_without_command=True)
@asking_options
@type_option
@click.option("--group-by", "groupBy", default="model", show_default=True, help=_GROUPS)
@click.pass_context
def cost_command(context: click.Context, /, *, as_json: bool, **asked: Any) -> None:
    """What usage costs, by any group; and reports of it."""
    if context.invoked_subcommand is not None:
        before = [name for name in context.params if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
        if before:
            raise click.UsageError(f"options go behind {context.invoked_subcommand!r}")
        return
    found = ask("/api/v1/costs", **asked)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    show([_line(row, found["groupBy"]) for row in found["rows"]], as_json=False)
    for sentence in sentences(found):
        click.echo(sentence)


def ask(
    path: str, *, url: str, key: str, attributes: tuple[str, ...], types: tuple[str, ...] = (),
    **named: str | int | None,
) -> dict[str, Any]:  # fmt: skip
    """The answer to a question about cost; what the receiver refuses is exit code 1, with its sentence."""
    query = [(name, str(value)) for name, value in named.items() if value is not None] + [("type", t) for t in types]
    for attribute in attributes:
        name, equals, value = attribute.partition("=")
        if not equals:
            raise click.UsageError(f"--attr must be like user.id=ann, not {attribute!r}")
        query.append((f"attr.{name}", value))
    return run(_get(url.rstrip("/") + path, query, key))


@click.group("costs")
def costs() -> None:
    """Months of cost: open, closed, adjusted."""


@costs.command("months")
@receiver_options
@as_json_option
def costs_months(*, url: str, key: str, as_json: bool) -> None:
    """Show which months may still change."""
    show(run(Client(url, key).call("GET", _MONTHS))["months"], as_json=as_json)


@costs.command("close")
@receiver_options
@click.argument("month", metavar="YYYY-MM")
def costs_close(*, url: str, key: str, month: str) -> None:
    """Freeze a month's costs, as soon as all of its usage is priced. Says whether its usage is all there."""
    client = Client(url, key)
    found = run(client.call("POST", f"{_MONTHS}/{month}/close"))
    click.echo(f"{found['month']} is {found['state']}")
    first = date.fromisoformat(f"{found['month']}-01")
    following = (first + timedelta(days=31)).replace(day=1)
    books = run(client.call("GET", "/api/v1/completeness", from_=first.isoformat(), to=following.isoformat()))
    click.echo(sentence_of(books))


@costs.command("adjust")
@receiver_options
@click.argument("month", metavar="YYYY-MM")
def costs_adjust(*, url: str, key: str, month: str) -> None:
    """Price a closed month by the rates known now. What differs becomes adjustments."""
    found = run(Client(url, key).call("POST", f"{_MONTHS}/{month}/adjust"))
    click.echo(f"{found['month']} is priced by what is known at {found['ratesKnownAt']}")


def _line(row: dict[str, Any], groups: list[str]) -> dict[str, Any]:
    return {
        **{group: row[group] for group in groups},
        "cost": row["cost"], "currency": row["currency"],
        "quantity": ", ".join(f"{q['quantity']} {q['unit'].strip('{}')}" for q in row["quantities"]),
        "unpriced": ", ".join(f"{q['quantity']} {q['unit'].strip('{}')}" for q in row["unpriced"]) or None,
    }  # fmt: skip


def sentences(found: dict[str, Any]) -> list[str]:
    """The totals, and what of them is not known."""
    parts = [f"total: {one['cost']} {one['currency']}" for one in found["totals"] if one["cost"] is not None]
    parts += [
        f"unpriced: {one['quantity']} {one['unit'].strip('{}')} of {one['type']}"
        f" ({percent(one['share'])}, {one['reason']})"
        for one in found["unpriced"]
    ]
    parts += [
        f"unattributed: {one['cost']} {one['currency']} ({percent(one['share'])})"
        for one in found["unattributed"] if one["cost"] is not None
    ]  # fmt: skip
    parts += [f"{one['grade']}: {one['cost']} {one['currency']}" for one in found["grades"] if one["cost"] is not None]
    parts += [
        f"no price: {one['model'] or 'a model that nobody named'}, {one['quantity']} {one['unit'].strip('{}')}"
        f" ({percent(one['share'])})"
        for one in found.get("unpricedModels", ())
    ]
    if found["pricedUntil"] != found["to"]:
        parts.append(f"usage from {found['pricedUntil']} on is not priced yet")
    parts.append(sentence_of(found["completeness"]))
    return parts


def percent(share: str | None) -> str:
    """A share, for people."""
    return "?" if share is None else f"{Decimal(share) * 100:.2f} %"


async def _get(url: str, query: list[tuple[str, str]], key: str) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url, params=query, headers=headers) as r:
        found: dict[str, Any] = await r.json(content_type=None)
        if r.status != 200:  # noqa: PLR2004 - OK
            raise click.ClickException(found.get("detail", f"the receiver answers {r.status}"))
        return found
