"""`tallystick deliveries`: which event reached whom."""

from __future__ import annotations

import json

import click

from tallystick_receiver.cli.client import Client, receiver_options
from tallystick_receiver.cli.frame import as_json_option, run
from tallystick_receiver.cli.tables import show
from tallystick_receiver.deliveries import State

_PATH = "/api/v1/deliveries"
_SHOWN = ("id", "eventType", "eventId", "state", "attempts", "nextTryAt", "lastError")


@click.group()
def deliveries() -> None:
    """Deliveries: events on their way, delivered or parked."""


@deliveries.command("list")
@receiver_options
@click.option("--state", default=None, type=click.Choice([s.value for s in State]), help="In this state only.")
@click.option("--event", default=None, help="Of this event only.")
@click.option("--webhook", default=None, help="To this endpoint only.")
@click.option("--org", default=None, help="To recipients of this organisation only.")
@as_json_option
def deliveries_list(
    *, url: str, key: str, state: str | None, event: str | None, webhook: str | None, org: str | None, as_json: bool
) -> None:
    """List deliveries, newest first."""
    pages = Client(url, key).pages(_PATH, "deliveries", state=state, eventId=event, webhookId=webhook, orgId=org)
    found = run(pages)
    shown = [{"to": row["email"] or row["webhookId"]} | {name: row[name] for name in _SHOWN} for row in found]
    show(found if as_json else shown, as_json=as_json)


@deliveries.command("resend")
@receiver_options
@click.argument("numbers", metavar="ID...", nargs=-1, required=True)
@as_json_option
def deliveries_resend(*, url: str, key: str, numbers: tuple[str, ...], as_json: bool) -> None:
    """Have deliveries tried again at once; their events keep their ids."""
    found = run(_resend(Client(url, key), numbers))
    click.echo(json.dumps(found, ensure_ascii=False, indent=2) if as_json else f"{len(found)} will be sent again")


async def _resend(client: Client, numbers: tuple[str, ...]) -> list[dict[str, object]]:
    return [await client.call("POST", f"{_PATH}/{number}/resend") for number in numbers]
