"""`tallystick events`: what happened, and what happens."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import click

from tallystick_receiver.cli.client import Client, receiver_options
from tallystick_receiver.cli.frame import as_json_option, run

_POLL_SECONDS = 1.0


@click.group()
def events() -> None:
    """Events: thresholds that were reached, metrics that were defined."""


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
    if "level" not in content:
        return f"{start}  {content['key']}"
    whose = f"{content['subjectType']} {content['subjectId']}"
    return (
        f"{start}  {content['metricKey']} of {whose}: {content['used']} of {content['threshold']} {content['unit']}, "
        f"level {content['level']} %, period from {content['periodStart']}"
    )
