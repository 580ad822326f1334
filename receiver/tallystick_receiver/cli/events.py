"""`tallystick events`: what happened, and what happens."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import click

from tallystick_receiver.cli.client import Client, given, receiver_options
from tallystick_receiver.cli.frame import as_json_option, run
from tallystick_receiver.cli.tables import show
from tallystick_receiver.subscriptions import Span, Told

_POLL_SECONDS = 1.0
_SUBSCRIPTIONS = "/api/v1/events/subscriptions"


@click.group()
def events() -> None:
    """Events: what happened. Thresholds reached, metrics defined, and usage where it was asked for."""


@events.command("tail")
@receiver_options
@click.option("--after", default="0", show_default=True, help="The cursor of the last event that is known.")
@click.option("--type", "kind", default=None, help="Comma list of types.")
@click.option("--org", default=None, help="What concerns this organisation.")
@click.option("--follow/--no-follow", default=True, show_default=True, help="Whether to wait for more.")
@as_json_option
def events_tail(
    *, url: str, key: str, after: str, kind: str | None, org: str | None, follow: bool, as_json: bool
) -> None:
    """Print events, one a line, until interrupted."""
    run(_tail(Client(url, key), after, kind, org, follow=follow, as_json=as_json))


async def _tail(client: Client, after: str, kind: str | None, org: str | None, *, follow: bool, as_json: bool) -> None:
    while True:
        page = await client.call("GET", "/api/v1/events", None, after=after, type=kind, orgId=org, limit="1000")
        for event in page["events"]:
            click.echo(json.dumps(event, ensure_ascii=False) if as_json else _line(event))
        after = page["nextAfter"]
        if not page["events"]:
            if not follow:
                return
            await asyncio.sleep(_POLL_SECONDS)


def _line(event: dict[str, Any]) -> str:
    content = event["data"]
    start = f"{event['cursor']}  {event['timestamp']}  {event['type']}  {event['orgId'] or '*'}"
    if "metrics" in content:
        return f"{start}  {_usage(content)}"
    if "level" not in content:
        return f"{start}  {content['key']}"
    whose = f"{content['subjectType']} {content['subjectId']}"
    limit = f"{content['threshold']} {content['unit']}".rstrip()
    return (
        f"{start}  {content['metricKey']} of {whose}: {content['used']} of {limit}, "
        f"level {content['level']} %, period from {content['periodStart']}"
    )


def _usage(content: dict[str, Any]) -> str:
    """What usage.recorded and usage.aggregated say, in a line."""
    figures = (
        f"{m['metricKey']} {m.get('quantity', m.get('totalQuantity')) or '-'} {m['unit']}".rstrip()
        for m in content["metrics"]
    )
    period = f"{content['periodType']} from {content['periodStart']}: " if "periodStart" in content else ""
    again = f" (revision {content['revision']})" if content.get("revision", 1) > 1 else ""
    return f"{period}{', '.join(figures)}{again}"


@events.command("subscribe")
@receiver_options
@click.argument("kind", metavar="TYPE", type=click.Choice([t.value for t in Told]))
@click.option("--org", default=None, help="Whose usage; default: everybody's.")
@click.option("--metric", default=None, help="Of this metric, or of a prefix that ends in *; default: all.")
@click.option(
    "--period", default=None, type=click.Choice([s.value for s in Span]), help="Of summaries; default: daily."
)
@as_json_option
def events_subscribe(
    *, url: str, key: str, kind: str, org: str | None, metric: str | None, period: str | None, as_json: bool
) -> None:
    """Have usage told as events of TYPE."""
    body = {"type": kind} | given(orgId=org, metricKey=metric, periodType=period)
    found = run(Client(url, key).call("POST", _SUBSCRIPTIONS, body))
    click.echo(json.dumps(found, ensure_ascii=False, indent=2) if as_json else found["id"])


@events.command("subscriptions")
@receiver_options
@click.option("--org", default=None, help="What concerns this organisation.")
@as_json_option
def events_subscriptions(*, url: str, key: str, org: str | None, as_json: bool) -> None:
    """List what usage is told."""
    show(run(Client(url, key).call("GET", _SUBSCRIPTIONS, orgId=org))["subscriptions"], as_json=as_json)


@events.command("unsubscribe")
@receiver_options
@click.argument("number", metavar="ID")
def events_unsubscribe(*, url: str, key: str, number: str) -> None:
    """Have it told no longer."""
    run(Client(url, key).call("DELETE", f"{_SUBSCRIPTIONS}/{number}"))
    click.echo(f"deleted {number}")
