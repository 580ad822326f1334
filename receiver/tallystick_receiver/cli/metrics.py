"""`tallystick metrics`: what metrics mean."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any

import click

from tallystick_receiver.cli.client import Client, given, receiver_options
from tallystick_receiver.cli.frame import as_json_option, run
from tallystick_receiver.cli.tables import show
from tallystick_receiver.definitions import Aggregation
from tallystick_receiver.periods import Reset


def _choice(words: type[StrEnum]) -> click.Choice[str]:
    return click.Choice([word.value for word in words], case_sensitive=False)


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
    show(found if as_json else [_line(row) for row in found], as_json=as_json)


@metrics.command("define")
@receiver_options
@click.argument("metric")
@click.option("--org", default=None, help="For this organisation only; default: for all.")
@click.option("--name", default=None, help="What people call it.")
@click.option("--description", default=None, help="What it counts.")
@click.option("--unit", default=None, help="Its unit, like By or {query}.")
@click.option("--aggregation", default=None, type=_choice(Aggregation), help="Default: sum.")
@click.option("--unique", default=None, help="The dimension whose distinct values count; with --aggregation unique.")
@click.option("--reset", default=None, type=_choice(Reset), help="Default: monthly.")
@click.option("--dimension", "dimensions", multiple=True, help="Rollups keep this one, and others named so, only.")
@click.option("--no-dimensions", "kept", flag_value="none", help="Rollups keep none but service.name.")
@click.option("--all-dimensions", "kept", flag_value="all", help="Rollups keep all of them, as by default.")
@as_json_option
def metrics_define(
    *, url: str, key: str, metric: str, org: str | None, aggregation: str | None, unique: str | None,
    reset: str | None, dimensions: tuple[str, ...], kept: str | None, as_json: bool, **named: str | None,
) -> None:  # fmt: skip
    """Define METRIC, or change its definition."""
    if dimensions and kept:
        raise click.UsageError("--dimension, --no-dimensions and --all-dimensions exclude each other")
    body = given(**named, aggregationType=aggregation, uniqueDimension=unique, resetPeriod=reset)
    if dimensions or kept:
        body["dimensions"] = None if kept == "all" else list(dimensions)
    found = run(_define(Client(url, key), metric, org, body))
    click.echo(json.dumps(found, ensure_ascii=False, indent=2) if as_json else found["id"])


@metrics.command("delete")
@receiver_options
@click.argument("number", metavar="ID")
def metrics_delete(*, url: str, key: str, number: str) -> None:
    """Forget a definition."""
    run(Client(url, key).call("DELETE", f"/api/v1/metrics/{number}"))
    click.echo(f"deleted {number}")


def _line(row: dict[str, Any]) -> dict[str, object]:
    """A definition in a terminal's width."""
    kept, unique = row["dimensions"], row["uniqueDimension"]
    return {
        "id": row["id"], "key": row["key"], "unit": row["unit"],
        "counts": row["aggregationType"] if unique is None else f"unique {unique}", "resets": row["resetPeriod"],
        "keeps": "all" if kept is None else ", ".join(kept) or "none", "orgId": row["orgId"],
    }  # fmt: skip


async def _define(client: Client, metric: str, org: str | None, body: dict[str, object]) -> dict[str, object]:
    present = await client.pages("/api/v1/metrics", "metrics", key=metric, orgId=org)
    own = [row for row in present if row["orgId"] == org]
    if own:
        return await client.call("PATCH", f"/api/v1/metrics/{own[0]['id']}", body)
    return await client.call("POST", "/api/v1/metrics", {"key": metric, **given(orgId=org), **body})
