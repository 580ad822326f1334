"""`tallystick rates`: what units cost, and from when to when."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from tallystick.quantity import text_of
from tallystick_receiver.cli.client import Client, given, receiver_options
from tallystick_receiver.cli.frame import as_json_option, run
from tallystick_receiver.cli.rate_sources import GENAI_PRICES, body_of, proposal_of, read_csv, read_genai_prices
from tallystick_receiver.cli.tables import show
from tallystick_receiver.proposals import Change, Kind, Proposal, changes
from tallystick_receiver.ranges import HOUR, floor

_PATH: Final = "/api/v1/rates"
_SHOWN: Final = ("price", "perUnits", "currency", "validFrom", "validTo", "window")
_AT_ONCE: Final = 500


@click.group()
def rates() -> None:
    """Rates: what units cost, and from when to when."""


@rates.command("list")
@receiver_options
@click.option("--org", default=None, help="Its own ones and those for all.")
@click.option("--metric", default=None, help="Of this metric only.")
@click.option("--provider", default=None, help="Of this provider only.")
@click.option("--model", default=None, help="Of this model only.")
@click.option("--at", default=None, help="Those that apply at a time (RFC 3339 or a date).")
@click.option("--known-at", default=None, help="As it was known at a time.")
@click.option("--voided", is_flag=True, help="Voided ones, too.")
@as_json_option
def rates_list(*, url: str, key: str, org: str | None, metric: str | None, provider: str | None, model: str | None,
               at: str | None, known_at: str | None, voided: bool, as_json: bool) -> None:  # fmt: skip
    """List rates."""
    found = run(Client(url, key).pages(
        _PATH, "rates", orgId=org, metricKey=metric, provider=provider, model=model, at=at, knownAt=known_at,
        voided="true" if voided else None,
    ))  # fmt: skip
    shown = (*_SHOWN, "voidedAt") if voided else _SHOWN
    lines = [
        {"id": row["id"], "org": row["orgId"], "what": " ".join((row["metricKey"], *row["selector"].values()))}
        | {name: row[name] for name in shown}
        for row in found
    ]
    show(found if as_json else lines, as_json=as_json)


@rates.command("add")
@receiver_options
@click.argument("price")
@click.option("--metric", "metricKey", default="llm.tokens", show_default=True, help="What it is a price of.")
@click.option("--org", "orgId", default=None, help="For this organisation only.")
@click.option("--provider", default=None, help="Who bills, as gen_ai.provider.name.")
@click.option("--model", default=None, help="As price lists name it.")
@click.option("--kind", default=None, help="Of tokens or units: input_uncached, cache_read, output, web_search ...")
@click.option("--tier", default=None, help="Service tier; default: standard.")
@click.option("--context-band", "contextBand", default=None, help="Prompts above a length, like >200000.")
@click.option("--region", default=None, help="Only there.")
@click.option("--select", "selectors", multiple=True, help="Any dimension's value as key=value; may be repeated.")
@click.option("--unit", default=None, help="Of the metric; default: as it came.")
@click.option("--per", "perUnits", default=None, help="So many units for that price; default 1, tokens 1000000.")
@click.option("--currency", default=None, help="Default: USD.")
@click.option("--from", "validFrom", default=None, help="RFC 3339 time or date; default: always.")
@click.option("--to", "validTo", default=None, help="RFC 3339 time or date, exclusive; default: until further notice.")
@click.option("--window", default=None, help='Hours of UTC, like "Mon-Fri 01-04" or "not Mon-Fri 01-04".')
@click.option("--source", "sourceUrl", required=True, help="Where it is published.")
@click.option("--checked-on", "checkedOn", default=None, help="When it was read there; default: today.")
@click.option("--note", default=None)
@click.option("--replace", "is_replacing", is_flag=True, help="Void what it overlaps, but for the rest of its time.")
@as_json_option
def rates_add(*, url: str, key: str, is_replacing: bool, selectors: tuple[str, ...], as_json: bool,
              **fields: str | None) -> None:  # fmt: skip
    """Record PRICE."""
    selector = {}
    for text in selectors:
        name, equals, value = text.partition("=")
        if not equals:
            raise click.UsageError(f"--select must be like region=eu, not {text!r}")
        selector[name] = value
    fields["checkedOn"] = fields["checkedOn"] or datetime.now(UTC).date().isoformat()
    body = given(selector=selector or None, replace=is_replacing or None, **fields)
    found = run(Client(url, key).call("POST", _PATH, body))
    click.echo(json.dumps(found, ensure_ascii=False, indent=2) if as_json else found.get("id", "recorded"))


@rates.command("void")
@receiver_options
@click.argument("number", metavar="ID")
def rates_void(*, url: str, key: str, number: str) -> None:
    """Say that a rate was wrong; it stays to be asked for."""
    found = run(Client(url, key).call("POST", f"{_PATH}/{number}/void"))
    click.echo(f"{found['id']} voided at {found['voidedAt']}")


@rates.command("import")
@receiver_options
@click.option("--from", "source", required=True, help="genai-prices, or a CSV file.")
@click.option("--provider", "providers", multiple=True, help="Of genai-prices, this one only; may be repeated.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--force", is_flag=True, help="Also what looks like a mistake.")
@click.option("--dry-run", is_flag=True, help="Show the differences only; exit code 1 when there are any.")
@as_json_option
def rates_import(*, url: str, key: str, source: str, providers: tuple[str, ...], yes: bool, force: bool, dry_run: bool,
                 as_json: bool) -> None:  # fmt: skip
    """Propose rates: shows what would change, asks, and records it."""
    proposed, left = _proposed(source, providers)
    client = Client(url, key)
    live = [proposal_of({**row, "selector": _unnamed(row)}) for row in run(client.pages(_PATH, "rates"))]
    found = changes(proposed, live, floor(datetime.now(UTC), HOUR))
    differing = [change for change in found if change.kind is not Kind.SAME]
    doubtful = [change for change in differing if change.doubts and not force]
    chosen = [change for change in differing if change not in doubtful]
    if as_json:
        click.echo(json.dumps([_row(change) for change in differing], ensure_ascii=False, indent=2))
    else:
        show([_row(change) for change in differing], as_json=False)
        click.echo(_sentence(found, chosen, doubtful, left), err=True)
    if dry_run:
        raise SystemExit(1 if differing else 0)
    if not chosen or not (yes or click.confirm(f"record {len(chosen)} rates?", err=True)):
        raise SystemExit(1 if doubtful or chosen else 0)
    for first in range(0, len(chosen), _AT_ONCE):
        bodies = [body_of(change.proposal) for change in chosen[first : first + _AT_ONCE]]
        run(client.call("POST", _PATH, {"rates": bodies, "replace": True}))
    click.echo(f"recorded {len(chosen)} rates", err=True)
    if doubtful:
        raise SystemExit(1)


def _proposed(source: str, providers: tuple[str, ...]) -> tuple[list[Proposal], list[str]]:
    if source == GENAI_PRICES:
        return read_genai_prices(providers)
    path = Path(source)
    if not path.is_file():
        raise click.UsageError(f"--from must be {GENAI_PRICES} or a CSV file, not {source!r}")
    return read_csv(path), []


def _unnamed(row: dict[str, Any]) -> dict[str, str]:
    """Dimensions of a rate that have no short name."""
    shorts = {row[name] for name in ("provider", "model", "kind", "tier", "contextBand", "region") if row.get(name)}
    return {name: value for name, value in row["selector"].items() if value not in shorts}


def _row(change: Change) -> dict[str, Any]:
    proposal, before = change.proposal, change.before
    named = dict(proposal.named)
    return {
        "change": change.kind.value,
        "what": " ".join(str(named[name]) for name in named if name not in ("metricKey", "unit")),
        "from": proposal.start and proposal.start.isoformat().replace("+00:00", "Z"),
        "old": None if before is None else text_of(before.price), "new": text_of(proposal.price),
        "per": text_of(proposal.per_units),
        "percent": None if change.percent is None else f"{change.percent.normalize():+f}",
        "source": proposal.rest.get("sourceUrl"), "doubts": "; ".join(change.doubts) or None,
    }  # fmt: skip


def _sentence(found: list[Change], chosen: list[Change], doubtful: list[Change], left: list[str]) -> str:
    parts = [f"{len(found)} rates proposed, {len(chosen)} differ"]
    if doubtful:
        parts.append(f"{len(doubtful)} look like mistakes and are left out without --force")
    if left:
        parts.append(f"{len(left)} prices cannot be expressed: {', '.join(left[:3])} ...")
    return "; ".join(parts)
