"""`tallystick reconcile`: the provider's own figures against ours; exit code 1 when they are too far apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import click

from tallystick_receiver.cli.client import Client, receiver_options
from tallystick_receiver.cli.frame import as_json_option, run
from tallystick_receiver.cli.tables import show

_PATH: Final = "/api/v1/reconciliation"
_PARTS: Final = ("coverage", "price", "unpriced", "fees", "rest")
_FIGURES: Final = ("our tokens", "their tokens", "ours", "theirs", "delta", *_PARTS, "%")
_SHARES: Final = {
    "noUsage": "of requests came back without usage",
    "cancelled": "of requests were cancelled",
    "error": "of requests failed",
    "cacheBlind": "of tokens may have come from a cache, and nobody knows",
    "overflow": "of all tokens lost their provider to an SDK's cardinality limit",
}


@click.group()
def reconcile() -> None:
    """A provider's bill: import it, and compare it with ours."""


@reconcile.command("import")
@receiver_options
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--provider", "kind", required=True, type=click.Choice(["openai", "anthropic", "csv"]),
              help="Whose answers of usage or cost, or a table.")  # fmt: skip
@click.option("--of", "provider", default=None, help="Whose figures a table holds, where it does not say.")
@click.option("--org", default=None, help="Whose bill; default: of all organisations together.")
@as_json_option
def reconcile_import(
    *, url: str, key: str, file: Path, kind: str, provider: str | None, org: str | None, as_json: bool
) -> None:
    """Import FILE. JSON as OpenAI or Anthropic answer it (one page, or a list of pages), or CSV."""
    query = {"format": kind, "provider": provider, "orgId": org, "source": file.name}
    given = [(name, value) for name, value in query.items() if value is not None]
    found = run(Client(url, key).send_file(_PATH, given, file.read_bytes()))["bills"]
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    days = ("added", "replaced", "unchanged", "partial")
    show([{**bill, **{name: _days(bill[name]) for name in days}} for bill in found], as_json=False)


@reconcile.command("report")
@receiver_options
@click.option("--provider", required=True, help="openai, anthropic, or as in gen_ai.provider.name.")
@click.option("--month", default=None, help="Like 2026-10, UTC; default: the current one.")
@click.option("--org", "orgId", default=None, help="Whose bill; default: of all organisations together.")
@click.option("--currency", default=None, help="Default USD.")
@click.option("--group-by", "groupBy", default="model,kind", show_default=True, help="Some of day,model,kind,tier.")
@click.option("--month-percent", "monthPercent", default=None, help="How far apart the month may be; default 1.")
@click.option("--day-percent", "dayPercent", default=None, help="How far apart a settled day may be; default 3.")
@as_json_option
def reconcile_report(*, url: str, key: str, as_json: bool, **query: str | None) -> None:
    """Compare a month. Exit code 1: it is further apart than its gates allow, or cannot be compared."""
    found = run(Client(url, key).call("GET", _PATH, None, **query))
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        _show(found)
    raise SystemExit(0 if found["passed"] else 1)


def _show(found: dict[str, Any]) -> None:
    names = found["groupBy"]
    rows = [{name: row[name] for name in names} | _line(row) for row in found["rows"]]
    if found["total"] is not None:
        rows.append({name: "total" if name == names[0] else None for name in names} | _line(found["total"]))
    said = {name for row in rows for name, value in row.items() if value is not None}
    show([{name: row[name] for name in row if name in said} for row in rows], as_json=False, figures=_FIGURES)
    gates = found["gates"]
    click.echo(f"month: {gates['month']} (gate {gates['monthPercent']} %); days beyond {gates['dayPercent']} %:"
               f" {_days(gates['failedDays'])}")  # fmt: skip
    requests = found["requests"]
    if requests["theirs"] is not None:
        warning = ", a gap" if requests["isWarning"] else ""
        click.echo(f"requests: ours {requests['ours']}, theirs {requests['theirs']} ({requests['percent']} %{warning})")
    for name, sentence in _SHARES.items():
        if found["shares"][name] not in (None, "0"):
            click.echo(f"{found['shares'][name]} % {sentence}")
    if found["missingDays"]:
        click.echo(f"no cost of the provider: {_days(found['missingDays'])}")
    if found["otherCurrencies"]:
        click.echo(f"left out, in other currencies: {', '.join(found['otherCurrencies'])}")
    click.echo("What does not pass the instrumented code is not seen by us and shows as coverage.")


def _line(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "our tokens": row["ours"]["quantity"], "their tokens": row["theirs"]["quantity"], "ours": row["ours"]["cost"],
        "theirs": row["theirs"]["cost"], "delta": row["delta"], **{name: _nonzero(row[name]) for name in _PARTS},
        "%": row["percent"],
    }  # fmt: skip


def _nonzero(text: str | None) -> str | None:
    return None if text == "0" else text


def _days(days: list[str]) -> str:
    """The days, in short where there are many."""
    if not days:
        return "none"
    return ", ".join(days) if len(days) <= 3 else f"{len(days)} days, {days[0]} to {days[-1]}"  # noqa: PLR2004
