"""`tallystick webhooks`: where events are sent."""

from __future__ import annotations

import json

import click

from tallystick_receiver.cli.client import Client, given, receiver_options
from tallystick_receiver.cli.frame import as_json_option, run
from tallystick_receiver.cli.tables import show
from tallystick_receiver.events import EventType
from tallystick_receiver.webhooks import WebhookKind

_PATH = "/api/v1/webhooks"


@click.group()
def webhooks() -> None:
    """Webhooks: endpoints that events are sent to."""


@webhooks.command("list")
@receiver_options
@click.option("--org", default=None, help="Of this organisation only.")
@as_json_option
def webhooks_list(*, url: str, key: str, org: str | None, as_json: bool) -> None:
    """List endpoints."""
    found = run(Client(url, key).pages(_PATH, "webhooks", orgId=org))
    show(found if as_json else [_row(webhook) for webhook in found], as_json=as_json)


@webhooks.command("create")
@receiver_options
@click.argument("target", metavar="URL")
@click.option("--org", default=None, help="Of this organisation; default: of the operator, for events of all.")
@click.option("--kind", default=None, type=click.Choice([k.value for k in WebhookKind]), help="Default: webhook.")
@click.option(
    "--type", "types", multiple=True, type=click.Choice([t.value for t in EventType]),
    help="Of events; may be repeated. Default: all; for slack those that thresholds and alerts send there.",
)  # fmt: skip
@click.option("--description", default=None, help="What it is for.")
@as_json_option
def webhooks_create(
    *, url: str, key: str, target: str, types: tuple[str, ...], org: str | None, as_json: bool, **named: str | None
) -> None:
    """Have events sent to URL. Prints its secret, which is not shown again."""
    body = given(url=target, types=list(types) or None, orgId=org, **named)
    found = run(Client(url, key).call("POST", _PATH, body))
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    click.echo(found["id"])
    if found["secret"] is not None:
        click.echo(found["secret"])


@webhooks.command("rotate")
@receiver_options
@click.argument("number", metavar="ID")
def webhooks_rotate(*, url: str, key: str, number: str) -> None:
    """Give an endpoint another secret and print it. For a day the old one signs, too."""
    click.echo(run(Client(url, key).call("POST", f"{_PATH}/{number}/rotate"))["secret"])


@webhooks.command("delete")
@receiver_options
@click.argument("number", metavar="ID")
def webhooks_delete(*, url: str, key: str, number: str) -> None:
    """Forget an endpoint and its deliveries."""
    run(Client(url, key).call("DELETE", f"{_PATH}/{number}"))
    click.echo(f"deleted {number}")


def _row(webhook: dict[str, object]) -> dict[str, object]:
    types = webhook["types"]
    if types == []:
        types = ["notifySlack"]
    return {name: webhook[name] for name in ("id", "kind", "orgId", "url")} | {
        "types": ", ".join(types) if isinstance(types, list) else "all",
        "enabled": "yes" if webhook["isEnabled"] else f"no: {webhook['disabledBecause'] or 'by hand'}",
    }
