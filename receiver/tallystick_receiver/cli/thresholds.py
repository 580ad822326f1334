"""`tallystick thresholds`: lines in somebody's usage."""

from __future__ import annotations

import json

import click

from tallystick_receiver.cli.client import Client, given, receiver_options
from tallystick_receiver.cli.frame import as_json_option, run
from tallystick_receiver.cli.tables import show
from tallystick_receiver.periods import Reset
from tallystick_receiver.thresholds import Action

_PATH = "/api/v1/thresholds"
_SHOWN = ("id", "orgId", "metricKey", "subjectType", "subjectId", "threshold", "resetPeriod", "levels", "action")


@click.group()
def thresholds() -> None:
    """Thresholds: how much somebody is meant to use."""


@thresholds.command("list")
@receiver_options
@click.option("--org", default=None, help="Of this organisation only.")
@click.option("--metric", default=None, help="On this metric only.")
@as_json_option
def thresholds_list(*, url: str, key: str, org: str | None, metric: str | None, as_json: bool) -> None:
    """List thresholds."""
    found = run(Client(url, key).pages(_PATH, "thresholds", orgId=org, metricKey=metric))
    show(found if as_json else [{name: row[name] for name in _SHOWN} for row in found], as_json=as_json)


@thresholds.command("create")
@receiver_options
@click.argument("metric")
@click.argument("amount")
@click.option("--org", required=True, help="Whose usage.")
@click.option("--subject", default=None, help="A project, a user or a dimension's value, as TYPE=ID; default: the org.")
@click.option("--level", "levels", type=int, multiple=True, help="Percent; may be repeated. Default: 80 and 100.")
@click.option("--reset", default=None, type=click.Choice([r.value for r in Reset]), help="Default: as the metric's.")
@click.option("--tz", default=None, help="IANA time zone of its periods; default UTC.")
@click.option("--action", default=None, type=click.Choice([a.value for a in Action]), help="Default: alert.")
@as_json_option
def thresholds_create(
    *, url: str, key: str, metric: str, amount: str, org: str, subject: str | None, levels: tuple[int, ...],
    reset: str | None, tz: str | None, action: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Draw a line at AMOUNT of METRIC."""
    kind, equals, name = (subject or f"org={org}").partition("=")
    if not equals:
        raise click.UsageError(f"--subject must be like project=web, not {subject!r}")
    body: dict[str, object] = {
        "orgId": org,
        "metricKey": metric,
        "threshold": amount,
        "subjectType": kind,
        "subjectId": name,
    }
    body |= given(levels=list(levels) or None, resetPeriod=reset, timeZone=tz, action=action)
    found = run(Client(url, key).call("POST", _PATH, body))
    click.echo(json.dumps(found, ensure_ascii=False, indent=2) if as_json else found["id"])


@thresholds.command("delete")
@receiver_options
@click.argument("number", metavar="ID")
def thresholds_delete(*, url: str, key: str, number: str) -> None:
    """Forget a threshold."""
    run(Client(url, key).call("DELETE", f"{_PATH}/{number}"))
    click.echo(f"deleted {number}")
