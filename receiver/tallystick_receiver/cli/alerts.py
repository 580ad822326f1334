"""`tallystick alerts`: levels that are added to every threshold, and whom to notify of them."""

from __future__ import annotations

import json

import click

from tallystick_receiver.cli.client import Client, given, receiver_options
from tallystick_receiver.cli.frame import as_json_option, run
from tallystick_receiver.cli.tables import show

_PATH = "/api/v1/usage/alerts"


@click.group()
def alerts() -> None:
    """Alerts: a level for every threshold, and whom to notify of it."""


@alerts.command("list")
@receiver_options
@click.option("--org", default=None, help="Of this organisation only.")
@as_json_option
def alerts_list(*, url: str, key: str, org: str | None, as_json: bool) -> None:
    """List alerts."""
    show(run(Client(url, key).call("GET", _PATH, orgId=org))["alerts"], as_json=as_json)


@alerts.command("create")
@receiver_options
@click.argument("percent", type=int)
@click.option("--email", default=None, help="Whom to write to.")
@click.option("--slack", is_flag=True, help="Also to the Slack webhooks that are defined.")
@click.option("--org", default=None, help="For thresholds of this organisation only.")
@click.option("--metric", default=None, help="For thresholds on this metric only.")
@as_json_option
def alerts_create(
    *, url: str, key: str, percent: int, email: str | None, slack: bool, org: str | None, metric: str | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Tell when usage reaches PERCENT of a threshold."""
    body = given(threshold_percent=percent, notify_slack=slack, notify_email=email, org_id=org, metric_key=metric)
    found = run(Client(url, key).call("POST", _PATH, body))
    click.echo(json.dumps(found, ensure_ascii=False, indent=2) if as_json else found["id"])


@alerts.command("delete")
@receiver_options
@click.argument("number", metavar="ID")
def alerts_delete(*, url: str, key: str, number: str) -> None:
    """Forget an alert."""
    run(Client(url, key).call("DELETE", f"{_PATH}/{number}"))
    click.echo(f"deleted {number}")
