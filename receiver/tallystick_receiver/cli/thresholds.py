"""`tallystick thresholds`: lines in somebody's usage."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click

from tallystick_receiver.cli.client import Client, given, receiver_options
from tallystick_receiver.cli.frame import as_json_option, run
from tallystick_receiver.cli.tables import show
from tallystick_receiver.periods import Reset
from tallystick_receiver.thresholds import Action

_PATH = "/api/v1/thresholds"
_RESETS = click.Choice([reset.value for reset in Reset])
_ACTIONS = click.Choice([action.value for action in Action])
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


def _terms(command: Callable[..., None]) -> Callable[..., None]:
    """What `create` says and `update` may say anew."""
    for option in (
        click.option("--slack/--no-slack", default=None, help="Whether Slack is told. Default: no."),
        click.option("--email", "emails", multiple=True, help="Whom to write to; may be repeated."),
        click.option("--action", default=None, type=_ACTIONS, help="Default: alert."),
        click.option("--tz", default=None, help="IANA time zone of its periods; default UTC."),
        click.option("--reset", default=None, type=_RESETS, help="Default: as the metric's."),
        click.option(
            "--level", "levels", type=int, multiple=True, help="Percent; may be repeated. Default: 80 and 100."
        ),
    ):
        command = option(command)
    return command


@thresholds.command("create")
@receiver_options
@click.argument("metric")
@click.argument("amount")
@click.option("--org", required=True, help="Whose usage.")
@click.option("--subject", default=None, help="A project, a user or a dimension's value, as TYPE=ID; default: the org.")
@_terms
@as_json_option
def thresholds_create(
    *, url: str, key: str, metric: str, amount: str, org: str, subject: str | None, as_json: bool, **terms: Any
) -> None:
    """Draw a line at AMOUNT of METRIC."""
    kind, equals, name = (subject or f"org={org}").partition("=")
    if not equals:
        raise click.UsageError(f"--subject must be like project=web, not {subject!r}")
    whose = {"orgId": org, "metricKey": metric, "subjectType": kind, "subjectId": name}
    found = run(Client(url, key).call("POST", _PATH, {**whose, "threshold": amount, **_said(**terms)}))
    click.echo(json.dumps(found, ensure_ascii=False, indent=2) if as_json else found["id"])


@thresholds.command("update")
@receiver_options
@click.argument("number", metavar="ID")
@click.option("--amount", default=None, help="Where the line is.")
@_terms
@as_json_option
def thresholds_update(*, url: str, key: str, number: str, amount: str | None, as_json: bool, **terms: Any) -> None:
    """Change what is said; what is not said stays."""
    body = {**given(threshold=amount), **_said(**terms)}
    if not body:
        raise click.UsageError("nothing is said to change")
    found = run(Client(url, key).call("PATCH", f"{_PATH}/{number}", body))
    click.echo(json.dumps(found, ensure_ascii=False, indent=2) if as_json else found["id"])


def _said(
    *, levels: tuple[int, ...], reset: str | None, tz: str | None, action: str | None, emails: tuple[str, ...],
    slack: bool | None,
) -> dict[str, object]:  # fmt: skip
    return given(
        levels=list(levels) or None, resetPeriod=reset, timeZone=tz, action=action, notifyEmails=list(emails) or None,
        notifySlack=slack,
    )  # fmt: skip


@thresholds.command("delete")
@receiver_options
@click.argument("number", metavar="ID")
def thresholds_delete(*, url: str, key: str, number: str) -> None:
    """Forget a threshold."""
    run(Client(url, key).call("DELETE", f"{_PATH}/{number}"))
    click.echo(f"deleted {number}")
