"""`tallystick metrics`: what metrics mean."""

from __future__ import annotations

import json

import click

from tallystick_receiver.cli.client import Client, given, receiver_options
from tallystick_receiver.cli.frame import as_json_option, run, show
from tallystick_receiver.definitions import Aggregation
from tallystick_receiver.periods import Reset


@click.group()
def metrics() -> None:
    """Metric definitions: how stored usage is read."""


@metrics.command("list")
@receiver_options
@click.option("--org", default=None, help="What this organisation sees.")
@as_json_option
def metrics_list(*, url: str, key: str, org: str | None, as_json: bool) -> None:
    """List definitions."""
    found = run(Client(url, key).pages("/api/v1/metrics", "metrics", orgId=org))
    names = ("id", "key", "unit", "aggregationType", "resetPeriod", "orgId", "definedBy", "name")
    show(found if as_json else [{name: row[name] for name in names} for row in found], as_json=as_json)


@metrics.command("define")
@receiver_options
@click.argument("metric")
@click.option("--org", default=None, help="For this organisation only; default: for all.")
@click.option("--name", default=None, help="What people call it.")
@click.option("--description", default=None, help="What it counts.")
@click.option("--unit", default=None, help="Its unit, like By or {query}.")
@click.option("--aggregation", default=None, type=click.Choice([a.value for a in Aggregation]), help="Default: sum.")
@click.option("--reset", default=None, type=click.Choice([r.value for r in Reset]), help="Default: monthly.")
@as_json_option
def metrics_define(
    *, url: str, key: str, metric: str, org: str | None, aggregation: str | None, reset: str | None, as_json: bool,
    **named: str | None,
) -> None:  # fmt: skip
    """Define METRIC, or change its definition."""
    body = given(**named, aggregationType=aggregation, resetPeriod=reset)
    found = run(_define(Client(url, key), metric, org, body))
    click.echo(json.dumps(found, ensure_ascii=False, indent=2) if as_json else found["id"])


@metrics.command("delete")
@receiver_options
@click.argument("number", metavar="ID")
def metrics_delete(*, url: str, key: str, number: str) -> None:
    """Forget a definition."""
    run(Client(url, key).call("DELETE", f"/api/v1/metrics/{number}"))
    click.echo(f"deleted {number}")


async def _define(client: Client, metric: str, org: str | None, body: dict[str, object]) -> dict[str, object]:
    present = await client.pages("/api/v1/metrics", "metrics", key=metric, orgId=org)
    own = [row for row in present if row["orgId"] == org]
    if own:
        return await client.call("PATCH", f"/api/v1/metrics/{own[0]['id']}", body)
    return await client.call("POST", "/api/v1/metrics", {"key": metric, **given(orgId=org), **body})
