"""`tallystick usage summary`: the same question as GET /api/v1/usage/summary, for people."""

from __future__ import annotations

import json

import click

from tallystick_receiver.cli.client import Client, given, receiver_options
from tallystick_receiver.cli.completeness import sentence_of
from tallystick_receiver.cli.frame import as_json_option, run
from tallystick_receiver.cli.tables import show
from tallystick_receiver.periods import Reset

_PERIODS = click.Choice(["current", *(reset.value for reset in Reset)], case_sensitive=False)
_SHOWN = (
    "metricKey", "aggregationType", "unit", "periodType", "periodStart", "periodEnd", "totalQuantity", "recordCount",
)  # fmt: skip


@click.command("summary")
@receiver_options
@click.argument("metric")
@click.option("--org", "orgId", default=None, help="One organisation.")
@click.option("--project", "projectId", default=None, help="One project of it.")
@click.option("--subject", default=None, metavar="TYPE=ID", help="Like user=ada or region=eu; default: all of it.")
@click.option("--period", "periodType", default="current", show_default=True, type=_PERIODS,
              help="current: as the metric's definition resets.")  # fmt: skip
@click.option("--at", "periodStart", default=None, help="RFC 3339 time or date in the period; default: now.")
@click.option("--unit", default=None, help="Which of several units of the metric.")
@click.option("--tz", default=None, help="IANA time zone of the period; default UTC.")
@as_json_option
def summary_command(
    *, url: str, key: str, metric: str, subject: str | None, as_json: bool, **named: str | None
) -> None:
    """How much of METRIC was used in one period. Its definition says how that is counted."""
    kind, equals, name = (subject or "").partition("=")
    if subject and not (kind and equals and name):
        raise click.UsageError(f"--subject must be like user=ada, not {subject!r}")
    asked = given(**named, subjectType=kind or None, subjectId=name or None)
    query = {parameter: str(value) for parameter, value in asked.items()}
    found = run(Client(url, key).call("GET", "/api/v1/usage/summary", None, metricKey=metric, **query))
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    show([{"": column, "value": found[column]} for column in _SHOWN], as_json=False)
    click.echo(sentence_of(found["completeness"]))
