"""`tallystick usage allowance`: what is left of a threshold, as GET /api/v1/usage/allowance says."""

from __future__ import annotations

import json

import click

from tallystick_receiver.cli.client import Client, receiver_options
from tallystick_receiver.cli.frame import as_json_option, run
from tallystick_receiver.cli.tables import show


@click.command("allowance")
@receiver_options
@click.argument("metric")
@click.option("--org", required=True, help="Whose usage.")
@click.option("--subject", default=None, metavar="TYPE=ID", help="Like project=web or user=ada; default: the org.")
@click.option("--tz", default=None, help="IANA time zone of the period where no threshold says one; default UTC.")
@as_json_option
def allowance_command(
    *, url: str, key: str, metric: str, org: str, subject: str | None, tz: str | None, as_json: bool
) -> None:
    """How much of METRIC is used and allowed. Exit code 1: a threshold that blocks is reached."""
    kind, equals, name = (subject or f"org={org}").partition("=")
    if not (kind and equals and name):
        raise click.UsageError(f"--subject must be like user=ada, not {subject!r}")
    asked = run(
        Client(url, key).call(
            "GET", "/api/v1/usage/allowance", metricKey=metric, orgId=org, subjectType=kind, subjectId=name, tz=tz
        )
    )
    if as_json:
        click.echo(json.dumps(asked, ensure_ascii=False, indent=2))
    else:
        show([asked], as_json=False)
    raise SystemExit(0 if asked["allowed"] else 1)
